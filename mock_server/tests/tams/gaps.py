"""Features of the reference that the mock does not serve yet, with a reason for each.

The tests that compare the mock with the reference list their gaps with these reasons.
"""

PREPROCESSING = "running a control-net preprocessor is not served yet"
DESCRIBING = "describing an image in words is not served yet"
