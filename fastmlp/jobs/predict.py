"""fastmlp.predict, under the name that earlier versions gave it."""

from fastmlp.model.predict import predict

__all__ = ["predict"]
