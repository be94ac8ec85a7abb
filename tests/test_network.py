"""Nothing is sent anywhere: from image to file, in Python and in a window, where every use of the network fails."""

from __future__ import annotations

import subprocess
import sys

import pytest

# An audit hook sees every connection that Python code opens, whatever library asks for it; it cannot be taken off
# again, hence the process of its own. Sockets of the same machine without an address (Unix) are no network.
FORBID = """
import socket, sys

def forbid(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request"):
        raise AssertionError(f"the network was asked for: {event} {arguments[1:]}")
    if event == "socket.connect" and arguments[0].family != getattr(socket, "AF_UNIX", None):
        raise AssertionError(f"the network was asked for: {event} {arguments[1:]}")

sys.addaudithook(forbid)
"""

SESSION = """
import napari_sam2 as ns
from napari_sam2.samples import load_sample

volume = load_sample("ct_abdomen").volume
session = ns.VideoSession(ns.load_predictor("starter", device="cpu"), volume)
session.add_box(obj_id=1, frame=24, box=(70, 40, 120, 80))
frames = [step.frame for step in session.propagate(frames=range(22, 27))]
session.save("case.sam2")
ns.write_labels("labels.dcm", session.labels(), volume)
session.close()
assert ns.VideoSession.open("case.sam2").labels().any()
print("done", len(frames))
"""

WINDOW = """
import time
import napari
import numpy as np
from qtpy.QtCore import QCoreApplication
from napari_sam2.plugin import samples

viewer = napari.Viewer(show=False)
for data, arguments, kind in samples.dividing_cells():
    if kind == "image":
        viewer.add_image(data, **arguments)
_, widget = viewer.window.add_plugin_dock_widget("napari-sam2", "Segment with SAM 2")
controller = widget.controller

def settle():
    calm = time.monotonic()
    while time.monotonic() - calm < 0.3:
        QCoreApplication.processEvents()
        if controller.busy:
            calm = time.monotonic()
        time.sleep(0.01)

settle()
controller.tools.activate("point")
group = controller.selection.layer_group
group.ensure_prompt_layers()[0].add([0, 100, 100])
settle()
print("done", np.asarray(group.ensure_labels().data).shape[0])
viewer.close()
"""

CONTROL = """
import urllib.request
try:
    urllib.request.urlopen("http://127.0.0.1:9/")
except AssertionError:
    print("done 0")
"""


@pytest.mark.parametrize(("code", "answer"), [(SESSION, "done 5"), (WINDOW, "done 20"), (CONTROL, "done 0")])
def test_nothing_is_sent_anywhere(code, answer, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FORBID + code], cwd=tmp_path, capture_output=True, text=True, timeout=240
    )
    assert answer in done.stdout, done.stderr[-3000:]
    assert "the network was asked for" not in done.stderr
