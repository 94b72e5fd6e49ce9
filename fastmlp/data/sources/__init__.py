"""Sources of rows: tables, arrays, pictures, named data sets, and what a program holds."""
