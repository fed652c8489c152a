"""Commands for GDB that know the frame metadata of a kernel. `frameinspect.py` beside this folder loads them."""
