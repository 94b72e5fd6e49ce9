"""CUDA C++ kernels under the stems of ``kernels/cpu``; ``source`` finds, describes and instantiates
them.
"""
