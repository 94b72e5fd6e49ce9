"""Captures of the emulated device: what they refuse, what spoils them; failures on demand."""

from contextlib import suppress

import cupy
import cupyx
import numpy as np
import pytest
from cupy import _emulation as emulation
from cupy._errors import MisuseError
from cupy.cuda import Device, Graph, Stream, runtime
from cupy.cuda.runtime import CUDARuntimeError
from emulator_support import SIZE, refused


class TestCapture:
    @pytest.fixture
    def capturing(self, stream):
        """A stream that captures, and ends that if the test has not."""
        stream.begin_capture()
        yield stream
        if cupy._device.present().queues[stream.ptr].capture is not None:
            with suppress(CUDARuntimeError):
                stream.end_capture()

    def test_is_done_at_replay_with_what_then_lies_in_memory(self, stream):
        source, target = cupy.zeros(3), cupy.empty(3)
        stream.synchronize()
        stream.begin_capture()
        target[...] = source
        source.fill(5)
        graph = stream.end_capture()
        assert np.isnan(target.get()).all()  # nothing was done
        graph.upload()
        graph.launch()
        assert (target.get() == 0).all()
        graph.launch(stream)
        assert (target.get() == 5).all()

    def test_nodes_can_be_counted(self, capturing):
        cupy.zeros(3).fill(2)
        dot = capturing.end_capture().debug_dot_str()
        assert dot.startswith("digraph dot {")
        assert sum("_node_" in line and "label=" in line for line in dot.splitlines()) == 2
        assert dot.count("->") == 1

    @pytest.mark.parametrize(
        "use", [lambda s: s.synchronize(), lambda s: s.done, lambda s: Device().synchronize()]
    )
    def test_waiting_spoils_the_capture(self, capturing, use):
        array = cupy.empty(1)
        with refused(900):
            use(capturing)
        with pytest.raises(RuntimeError, match="invalidated"):
            capturing.is_capturing()
        with refused(901):
            runtime.memcpyAsync(
                array.data.ptr, array.data.ptr, 8, runtime.memcpyDeviceToDevice, capturing.ptr
            )
        with refused(901):
            capturing.end_capture()
        assert not capturing.is_capturing()

    def test_copies_by_get_and_set_are_refused_and_spoil_nothing(self, stream):
        array = cupy.empty(3)
        stream.begin_capture()
        with pytest.raises(RuntimeError, match="D2H transfers are disallowed"):
            array.get()
        with pytest.raises(RuntimeError, match="H2D transfers are disallowed"):
            array.set(np.zeros(3))
        with pytest.raises(RuntimeError, match="H2D"):
            cupy.asarray(np.zeros(3))
        array.fill(1)
        stream.end_capture().launch()
        assert (array.get() == 1).all()

    def test_cublas_of_cupy_is_refused_and_spoils_nothing(self, capturing):
        with pytest.raises(NotImplementedError, match="cuBLAS API during stream capture"):
            cupy.matmul(cupy.empty((2, 2)), cupy.empty((2, 2)))
        assert capturing.is_capturing()

    def test_pinned_memory_can_be_captured_and_other_memory_cannot(self, stream):
        buffer, array = cupyx.zeros_pinned(3), cupy.empty(3)
        stream.begin_capture()
        runtime.memcpyAsync(
            array.data.ptr, buffer.ctypes.data, 24, runtime.memcpyHostToDevice, stream.ptr
        )
        graph = stream.end_capture()
        buffer[:] = 3
        graph.launch()
        assert (array.get() == 3).all()
        stream.begin_capture()
        with refused(900):
            runtime.memcpyAsync(
                array.data.ptr, np.zeros(3).ctypes.data, 24, runtime.memcpyHostToDevice, stream.ptr
            )
        with refused(901):
            stream.end_capture()

    def test_events_do_not_cross_it(self, stream):
        before = stream.record()
        stream.begin_capture()
        inside = stream.record()
        stream.wait_event(inside)
        with refused(907):
            inside.synchronize()
        with refused(901):
            stream.end_capture()
        stream.begin_capture()
        with refused(905):
            stream.wait_event(before)
        with refused(901):
            stream.end_capture()
        with pytest.raises(NotImplementedError, match="join"):
            Stream(non_blocking=True).wait_event(inside)

    def test_the_default_stream_does_not_capture(self):
        with pytest.raises(RuntimeError, match="default"):
            Stream.null.begin_capture()

    def test_the_default_stream_spoils_the_capture_of_a_blocking_one(self):
        blocking = Stream()
        with blocking:
            blocking.begin_capture()
        with refused(906):
            cupy.zeros(3)
        with blocking, refused(901):
            blocking.end_capture()

    def test_it_begins_and_ends_once(self, stream):
        with refused(401):
            stream.end_capture()
        stream.begin_capture()
        with refused(401):
            stream.begin_capture()
        stream.end_capture()

    @staticmethod
    def capture_and_fail(stream):
        stream.begin_capture()
        raise ZeroDivisionError

    def test_an_exception_leaves_it_open(self, stream):
        with pytest.raises(ZeroDivisionError), stream:
            self.capture_and_fail(stream)
        assert stream.is_capturing()
        stream.end_capture()
        assert not stream.is_capturing()

    def test_memory_that_it_freed_is_handed_out_again_and_a_replay_is_found(self, capturing):
        scratch = cupy.zeros(SIZE)
        address = scratch.data.ptr
        del scratch
        graph = capturing.end_capture()
        assert cupy.empty(SIZE).data.ptr == address
        with pytest.raises(MisuseError, match="freed since it was captured"):
            graph.launch()

    def test_a_graph_is_made_by_a_capture_alone(self):
        with pytest.raises(NotImplementedError):
            Graph()


class TestFailures:
    @pytest.mark.parametrize(
        ("word", "status", "version"),
        [("no-driver", 35, 0), ("old-driver", 35, 11040), ("no-device", 100, 12090)],
    )
    def test_of_the_driver(self, word, status, version):
        with emulation.failing(word):
            for use in (
                runtime.getDeviceCount,
                runtime.memGetInfo,
                lambda: Stream(),
                lambda: cupy.empty(3),
                lambda: Device(0).use(),
            ):
                with refused(status):
                    use()
            assert runtime.driverGetVersion() == version
            assert not cupy.is_available()
        assert cupy.is_available()

    @pytest.mark.parametrize(
        ("word", "status"), [("begin-capture", 900), ("end-capture", 901), ("graph-launch", 999)]
    )
    def test_of_graphs(self, stream, word, status):
        def use():
            stream.begin_capture()
            stream.end_capture().launch()

        with emulation.failing(word), refused(status):
            use()
        use()

    def test_of_a_capture(self, stream):
        array = cupy.empty(3)
        with emulation.failing("capture"):
            stream.begin_capture()
            with refused(900):
                array.fill(0)
            with refused(901):
                stream.end_capture()

    def test_of_a_replay(self, stream):
        array = cupy.empty(3)
        stream.begin_capture()
        array.fill(1)
        array.fill(2)
        graph = stream.end_capture()
        with emulation.failing("replay"):
            graph.launch()
            assert (array.get() == 1).all()
        graph.launch()
        assert (array.get() == 2).all()

    def test_the_environment_asks_for_them(self, monkeypatch):
        monkeypatch.setenv("FASTMLP_EMULATION_FAIL", "no-driver, memory=4096")
        monkeypatch.setenv("FASTMLP_EMULATION_ORDER", "7")
        monkeypatch.setenv("FASTMLP_EMULATION_DEVICES", "3")
        found = emulation.from_environment()
        assert found.failures == {"no-driver": 0, "memory": 4096}
        assert (found.order, found.devices) == ("7", 3)
        monkeypatch.setenv("FASTMLP_EMULATION_FAIL", "no-drver")
        with pytest.raises(KeyError, match="no-drver"):
            emulation.from_environment()

    def test_words_are_checked(self):
        with pytest.raises(KeyError), emulation.failing("no-drver"):
            pass
        with pytest.raises(TypeError), emulation.changed(ordr="lazy"):
            pass
