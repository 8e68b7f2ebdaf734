"""Features of the reference that the mock does not serve yet, with a reason for each.

The tests that compare the mock with the reference list their gaps with these reasons.
"""

PRICES = "the documented price formula is not served yet"
PREPROCESSING = "running a control-net preprocessor is not served yet"
DESCRIBING = "describing an image in words is not served yet"
VIDEOS = "the newer members of a video are not served yet"
PLUGIN_TEMPLATE = "the template of the plugin's example files is not served yet"

# Members of requests that the mock does not read.
UNREAD = {
    f"VideoDiffusion.{member}": VIDEOS for member in ("lora", "modelAccessKey", "controlnet", "inp")
}
