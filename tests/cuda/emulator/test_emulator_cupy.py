"""The emulated arrays, memory and streams: strict, and work is done when a stream comes to it."""

import ctypes

import cupy
import cupyx
import numpy as np
import pytest
from cupy import _emulation as emulation
from cupy._errors import MisuseError
from cupy.cuda import Device, Event, Stream, runtime
from emulator_support import SIZE, on_host, refused

ORDERS = ["lazy", "eager", *map(str, range(12))]


class TestArrays:
    @pytest.mark.parametrize(
        "use",
        [np.asarray, np.array, np.sum, np.exp, float, bool, list, hash, lambda a: a + a,
            lambda a: a + np.ones(3),
         lambda a: np.ones(3) + a, lambda a: a == a, lambda a: -a, lambda a: a @ a,
         lambda a: np.concatenate([a, a]),
         lambda a: np.copyto(np.ones(3), a), lambda a: a[[0, 1]], lambda a: a[np.array([0])],
         lambda a: a.__setitem__(slice(None), np.ones(3)), lambda a: cupy.empty_like(np.ones(3))],
    )  # fmt: skip
    def test_never_becomes_numpy_and_does_no_arithmetic(self, use):
        with pytest.raises((TypeError, NotImplementedError)):
            use(cupy.zeros(3))

    def test_conversion_says_what_to_do(self):
        with pytest.raises(
            TypeError, match=r"Implicit conversion to a NumPy array is not allowed.*get\(\)"
        ):
            np.asarray(cupy.zeros(3))

    def test_unwritten_memory_is_nan(self):
        assert np.isnan(cupy.empty((3, 4), np.float32).get()).all()
        assert (cupy.empty(5, np.int64).get() == -1).all()

    def test_shape_and_layout(self):
        array = cupy.zeros((3, 4), np.float32)
        assert (array.shape, array.size, array.ndim, array.nbytes, array.itemsize) == (
            (3, 4),
            12,
            2,
            48,
            4,
        )
        assert array.dtype == np.float32
        assert len(array) == 3
        assert array.flags.c_contiguous
        assert array.data.ptr % 256 == 0
        assert not array[:, 1:].flags.c_contiguous
        assert cupy.empty_like(array).shape == (3, 4)
        assert cupy.empty((0, 3)).data.ptr == 0

    def test_slices_are_views(self):
        array = cupy.asarray(np.arange(12.0).reshape(3, 4))
        array[1:2].fill(7)
        array[2, 3:][...] = 5
        array.reshape(-1)[:2].set(np.array([8.0, 9.0]))
        np.testing.assert_array_equal(array.get(), [[8, 9, 2, 3], [7, 7, 7, 7], [8, 9, 10, 5]])
        assert array[1:].data.ptr == array.data.ptr + 32
        assert array.view(np.int64).shape == (3, 4)
        np.testing.assert_array_equal(array[:, 1].get(), [9, 7, 9])

    def test_a_copy_is_no_view(self):
        array = cupy.asarray(np.arange(4.0))
        copy = array.copy()
        array.fill(0)
        np.testing.assert_array_equal(copy.get(), np.arange(4.0))

    @pytest.mark.parametrize(
        ("values", "error"),
        [
            (np.zeros(3, np.float32), TypeError),
            (np.zeros(4), ValueError),
            ([0.0] * 3, TypeError),
            (cupy.zeros, TypeError),
        ],
    )
    def test_set_demands_type_and_shape(self, values, error):
        with pytest.raises(error):
            cupy.zeros(3).set(values)

    def test_set_and_get_demand_one_piece(self):
        with pytest.raises(RuntimeError, match="non-contiguous"):
            cupy.zeros((3, 4))[:, 1:].set(np.zeros((3, 3)))
        with pytest.raises(TypeError, match="cannot be obtained"):
            cupy.zeros(3).get(out=np.zeros(3, np.float32))
        with pytest.raises(ValueError, match="Shape mismatch"):
            cupy.zeros(3).get(out=np.zeros(4))

    @pytest.mark.parametrize("dtype", [">f4", "U3", object, [("a", "f4")]])
    def test_types_that_a_device_does_not_have(self, dtype):
        with pytest.raises((TypeError, ValueError)):
            cupy.empty(3, dtype)


class TestMemory:
    def test_what_is_freed_is_handed_out_again_to_its_stream(self, stream):
        address = cupy.empty(SIZE).data.ptr
        again = cupy.empty(SIZE)
        assert again.data.ptr == address
        assert np.isnan(again.get()).all()
        del again
        with Stream(non_blocking=True):
            assert cupy.empty(SIZE).data.ptr != address

    def test_work_on_what_was_freed_is_no_write_outside_what_was_allocated_after_it(self, stream):
        larger = cupy.zeros(512, np.uint8)
        address = larger.data.ptr
        del larger  # its zeros are still to be written
        smaller = cupy.empty(300, np.uint8)
        assert smaller.data.ptr == address
        assert (smaller.get() == 255).all()

    def test_the_pool_counts(self):
        pool = cupy.get_default_memory_pool()
        array = cupy.empty(SIZE)
        assert (pool.total_bytes(), pool.used_bytes(), pool.free_bytes()) == (1024, 1024, 0)
        view = array[1:]
        del array
        assert pool.used_bytes() == 1024  # the view holds it
        del view
        assert (pool.used_bytes(), pool.free_bytes()) == (0, 1024)
        pool.free_all_blocks()
        assert pool.total_bytes() == 0

    def test_a_full_device(self):
        with emulation.changed(memory=4096):
            kept = cupy.empty(3072, np.uint8)
            with pytest.raises(
                cupy.cuda.memory.OutOfMemoryError, match="Out of memory allocating 2,048 bytes"
            ):
                cupy.empty(2000, np.uint8)
            assert runtime.memGetInfo() == (1024, 4096)
            del kept
            assert (
                cupy.empty(4096, np.uint8).size == 4096
            )  # what the pool keeps is given back first
        with emulation.failing("memory", 512), pytest.raises(MemoryError):
            cupy.empty(SIZE)

    @pytest.mark.parametrize("at", [-1, SIZE * 8])
    def test_a_write_outside_is_found(self, stream, at):
        array = cupy.empty(SIZE)
        ctypes.memset(array.data.ptr + at, 0, 1)
        with pytest.raises(MisuseError, match="outside an allocation of 800 bytes"):
            stream.synchronize()

    def test_a_write_outside_is_found_when_the_array_is_freed(self):
        array = cupy.empty(SIZE)
        ctypes.memset(array.data.ptr + SIZE * 8, 0, 1)
        del array
        with pytest.raises(MisuseError):
            cupy.empty(1)


class TestStreams:
    def test_work_is_done_when_somebody_waits(self, stream):
        array = cupy.zeros(SIZE)
        assert np.isnan(on_host(array)).all()
        assert not stream.done
        stream.synchronize()
        assert (on_host(array) == 0).all()
        assert stream.done

    def test_eager_does_all_at_once(self, stream):
        with emulation.changed(order="eager"):
            assert (on_host(cupy.zeros(SIZE)) == 0).all()

    @pytest.mark.parametrize("waits", [True, False])
    def test_a_forgotten_event_shows_in_some_order(self, waits):
        seen = set()
        for order in ORDERS:
            with emulation.fresh(order=order):
                first, second = Stream(non_blocking=True), Stream(non_blocking=True)
                for i in range(20):
                    with first:
                        source = cupy.zeros(1)
                        source.fill(i)
                        written = first.record(Event(disable_timing=True))
                    with second:
                        if waits:
                            second.wait_event(written)
                        seen.add(source.copy().get()[0] == i)
        assert seen == ({True} if waits else {True, False})

    @pytest.mark.parametrize("waits", [True, False])
    def test_pinned_memory_is_read_when_the_copy_runs(self, stream, waits):
        buffer, array = cupyx.empty_pinned(3), cupy.empty(3)
        buffer[:] = 1
        array.set(buffer)
        if waits:
            stream.record().synchronize()
        buffer[:] = 2
        assert (array.get() == (1 if waits else 2)).all()

    def test_pinned_memory_that_is_gone_is_handed_out_again(self, stream):
        buffer, array = cupyx.zeros_pinned(3), cupy.empty(3)
        array.set(buffer)
        del buffer
        another = cupyx.empty_pinned(3)
        another[:] = 5
        assert (array.get() == 5).all()

    def test_other_memory_is_read_at_once(self, stream):
        values, array = np.ones(3), cupy.empty(3)
        array.set(values)
        values[:] = 2
        assert (array.get() == 1).all()

    def test_an_asynchronous_get_is_done_later_only_into_pinned_memory(self, stream):
        array, pinned, other = cupy.zeros(3), cupyx.empty_pinned(3), np.ones(3)
        array.get(out=pinned, blocking=False)
        assert np.isnan(pinned).all()
        array.get(out=other, blocking=False)
        assert (other == 0).all()
        assert (pinned == 0).all()

    @pytest.mark.parametrize("non_blocking", [True, False])
    def test_who_keeps_order_with_the_default_stream(self, non_blocking):
        array = cupy.zeros(3)  # in the default stream
        with Stream(non_blocking=non_blocking):
            assert (array.get() == 0).all() != non_blocking

    def test_events(self, stream):
        event = Event(disable_timing=True)
        event.synchronize()  # of nothing: returns
        stream.wait_event(event)
        array = cupy.zeros(SIZE)
        event.record()
        assert not event.done
        event.synchronize()
        assert event.done
        assert (on_host(array) == 0).all()

    def test_work_of_a_stream_that_is_gone_is_done(self):
        with Stream(non_blocking=True) as short_lived:
            array = cupy.zeros(SIZE)
        del short_lived
        assert np.isnan(on_host(array)).all()
        Device().synchronize()
        assert (on_host(array) == 0).all()

    def test_the_current_stream(self, stream):
        assert cupy.cuda.get_current_stream() is stream
        with Stream(non_blocking=True) as inner:
            assert cupy.cuda.get_current_stream() is inner
        assert cupy.cuda.get_current_stream() is stream
        other = Stream(non_blocking=True).use()
        assert cupy.cuda.get_current_stream() is other

    def test_a_stream_belongs_to_its_device(self, stream):
        with (
            Device(1),
            pytest.raises(RuntimeError, match="does not match with the current device"),
            stream,
        ):
            pass
        with Device(1), pytest.raises(RuntimeError, match="stream of device 0"):
            cupy.zeros(3).set(np.zeros(3), stream=stream)

    def test_devices(self):
        assert runtime.getDeviceCount() == 2
        assert Device(1).compute_capability == "90"
        assert Device(0).attributes["MultiProcessorCount"] == 4
        assert runtime.getDeviceProperties(0)["name"] == b"Emulated device"
        with Device(1):
            assert cupy.zeros(1).device.id == 1
        with refused(101):
            Device(2).use()
        with refused(101):
            runtime.getDeviceProperties(2)

    def test_raw_copies(self, stream):
        here, there, pinned = cupy.zeros(3), cupy.empty(3), cupyx.empty_pinned(3)
        runtime.memcpyAsync(
            there.data.ptr, here.data.ptr, 24, runtime.memcpyDeviceToDevice, stream.ptr
        )
        runtime.memcpyAsync(
            pinned.ctypes.data, there.data.ptr, 24, runtime.memcpyDeviceToHost, stream.ptr
        )
        stream.synchronize()
        assert (pinned == 0).all()
        with pytest.raises(MisuseError, match="no memory of a device"):
            runtime.memcpyAsync(
                pinned.ctypes.data, here.data.ptr, 24, runtime.memcpyDeviceToDevice, stream.ptr
            )
        with pytest.raises(MisuseError, match="only 24 are left"):
            runtime.memcpyAsync(
                there.data.ptr, here.data.ptr, 32, runtime.memcpyDeviceToDevice, stream.ptr
            )
        with refused(400):
            runtime.memcpyAsync(
                there.data.ptr, here.data.ptr, 24, runtime.memcpyDeviceToDevice, 12345
            )
