"""The way from one volume to another through the space of the patient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from napari_sam2.errors import VolumeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume

Registration = Literal["frame", "rigid"]
_SAMPLES = 0.2  # share of the voxels that the metric looks at
_SEED = 20


def patient_transform(fixed: ImageVolume, moving: ImageVolume, registration: str) -> NDArray[np.float64]:
    """Return the 4x4 matrix from places in one volume to the same places of the patient in another.

    Parameters
    ----------
    fixed
        The volume to come from, such as the follow-up.
    moving
        The volume to go to, such as the earlier one.
    registration
        ``"frame"``: both share a frame of reference, so places are the same. ``"rigid"``: the patient was moved as a
        whole; found by the mutual information of the images (Mattes et al. 2003) on three resolutions.

    Returns
    -------
    ndarray
        Patient LPS millimetres ``(x, y, z, 1)`` to the same.

    Raises
    ------
    VolumeError
        If there is no such registration, the frames of reference differ, or the registration fails.
    """
    if registration not in get_args(Registration):
        raise VolumeError(f"registration={registration!r} must be 'frame' or 'rigid'.")
    for volume in (fixed, moving):
        if sorted(volume.spatial_axes) != sorted("zyx"):
            raise VolumeError(f"A follow-up takes volumes of three spatial axes, not {volume.spatial_axes!r}.")
    if registration == "frame":
        check_frame_of_reference(fixed, moving)
        return np.eye(4)
    return _rigid(fixed, moving)


def check_frame_of_reference(one: ImageVolume, other: ImageVolume) -> None:
    """Raise VolumeError where two volumes say that they stand in different frames of reference."""
    first, second = (_frame_of_reference(volume) for volume in (one, other))
    if first and second and first != second:
        raise VolumeError(
            "The two volumes have different frames of reference, so their places cannot be compared: "
            "use registration='rigid'.\n"
            f"One has {first}, the other {second}."
        )


def _frame_of_reference(volume: ImageVolume) -> str:
    return "" if volume.source is None else str(volume.source.header.get("frame_of_reference_uid", "") or "")


def _rigid(fixed: ImageVolume, moving: ImageVolume) -> NDArray[np.float64]:
    import SimpleITK as sitk

    one, other = (_as_image(volume) for volume in (fixed, moving))
    start = sitk.CenteredTransformInitializer(
        one, other, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(_SAMPLES, _SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 1e-3, 200, 0.5)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2.0, 1.0, 0.0])
    method.SetInitialTransform(start, inPlace=False)
    try:
        found = method.Execute(one, other)
    except RuntimeError as error:
        raise VolumeError(f"The two volumes could not be registered: {str(error).splitlines()[-1].strip()}") from error
    matrix = np.eye(4)
    corners = [np.array(found.TransformPoint(tuple(map(float, axis)))) for axis in np.eye(4)[:, :3]]
    matrix[:3, 3] = corners[3]
    matrix[:3, :3] = np.stack([corner - corners[3] for corner in corners[:3]], axis=1)
    return matrix


def _as_image(volume: ImageVolume) -> Any:
    """Return an image of SimpleITK in LPS millimetres; of further axes the first index."""
    import SimpleITK as sitk

    index = tuple(slice(None) if axis in "zyx" else 0 for axis in volume.axes)
    array = np.asarray(volume.parts[index], dtype=np.float32)
    order = [volume.spatial_axes.index(axis) for axis in "zyx"]
    image = sitk.GetImageFromArray(array.transpose(order))
    columns = volume.affine[:3, [2, 1, 0]]  # x, y and z of the array
    lengths = np.linalg.norm(columns, axis=0)
    image.SetSpacing([float(length) for length in lengths])
    image.SetDirection((columns / lengths).ravel().tolist())
    image.SetOrigin(volume.affine[:3, 3].tolist())
    return image
