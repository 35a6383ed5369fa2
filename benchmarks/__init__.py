"""The same programs on minitorch and on other libraries, timed in turn.

``python -m benchmarks --help`` lists the options; docs/testing.md says how the numbers come about.
"""
