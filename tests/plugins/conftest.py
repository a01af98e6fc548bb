from tests.bindings.loadable.hosts.conftest import python

__all__ = ["python"]
