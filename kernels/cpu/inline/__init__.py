"""What operations call, and LLVM inlines: elementary functions, rows in registers, random words."""
