"""Tables as they lie in files: where one begins, how it is divided, its names; what a column means is decided later."""

from fastmlp.data.raw.layout import Layout, RawTable
from fastmlp.data.raw.read import SUFFIXES, is_table_name, read_table
from fastmlp.data.raw.several import tables_in

__all__ = ["SUFFIXES", "Layout", "RawTable", "is_table_name", "read_table", "tables_in"]
