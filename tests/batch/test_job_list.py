from dataclasses import replace

import pytest

from napari_sam2.batch import read_jobs
from napari_sam2.batch.job import BoxOnFrame
from napari_sam2.errors import JobError


def table(tmp_path, text):
    path = tmp_path / "jobs.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_column_is_read(tmp_path) -> None:
    path = table(
        tmp_path,
        "image,name,boxes,model,axis,at,channel,window,series,direction,operations,formats\n"
        'a.nii.gz,first,"2:4,1,2,30.5,40; 5,1,1,9,9",tiny,z,t=3,1,"-160,240",2,forward,largest; smooth radius=1.5,'
        ".dcm nii\n",
    )
    (job,) = read_jobs(path)
    assert job.name == "first"
    assert job.image == str(tmp_path / "a.nii.gz")
    assert job.boxes == (BoxOnFrame(2, 4, (1, 2, 30.5, 40)), BoxOnFrame(1, 5, (1, 1, 9, 9)))
    assert (job.model, job.frame_axis, job.at, job.channel, job.contrast_limits) == (
        "tiny",
        "z",
        {"t": 3},
        1,
        (-160, 240),
    )
    assert (job.series, job.direction, job.formats) == (2, "forward", (".dcm", ".nii"))
    assert job.operations == (("largest", {}), ("smooth", {"radius": 1.5}))


def test_paths_are_relative_to_the_table_and_names_come_from_the_image(tmp_path) -> None:
    (job,) = read_jobs(table(tmp_path, "image,prompts\nsub/head.nii.gz,/else/p.json\n"))
    assert (job.name, job.image, job.prompts) == ("head", str(tmp_path / "sub/head.nii.gz"), "/else/p.json")


def test_a_checkpoint_is_looked_for_beside_the_table(tmp_path) -> None:
    for name in ("mine.pt", "starter"):
        (tmp_path / name).write_bytes(b"")
    path = table(tmp_path, "image,model\na.nii,mine.pt\nb.nii,starter\nc.nii,sam2.1-tiny\nd.nii,other.pt\n")
    assert [job.model for job in read_jobs(path)] == [str(tmp_path / "mine.pt"), "starter", "sam2.1-tiny", "other.pt"]


def test_paths_are_absolute_by_whatever_way_the_list_is_given(tmp_path, monkeypatch) -> None:
    """So that they are the same job, and a worker in another folder finds them."""
    folder = tmp_path.resolve() / "study"
    folder.mkdir()
    path = table(folder, "image,prompts\nhead.nii.gz,head.json\n")
    monkeypatch.chdir(folder)
    (job,) = read_jobs("jobs.csv")
    assert (job.image, job.prompts) == (str(folder / "head.nii.gz"), str(folder / "head.json"))
    assert read_jobs("../study/jobs.csv") == read_jobs(path) == [job]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path\na.nii\n", "no column 'image'"),
        ("image,colour\na.nii,red\n", "'colour' that is not known"),
        ("image\n", "lists no image"),
        (
            'image,boxes\na.nii,"1,2,3"\n',
            "line 2: boxes '1,2,3' is not of the form OBJECT:FRAME,Y0,X0,Y1,X1; …: '1,2,3' has 3",
        ),
        ("image,window\na.nii,wide\n", "line 2: window 'wide' is not of the form -160,240"),
        ("image,direction\na.nii,up\n", "direction 'up' is not of the form both or forward or backward"),
        ("image,name\na.nii,x\nb.nii,X\n", "the name 'X' stands twice"),
        ("image,name\na.nii,../x\n", "cannot be that of a folder"),
        ("image\na.nii,b,c\n", "line 2: there are more fields than columns"),
        ("image,name\n,x\n", "line 2: column 'image' is empty"),
    ],
)
def test_what_cannot_be_understood_is_named_with_its_line(tmp_path, text, said) -> None:
    with pytest.raises(JobError, match=r"jobs\.csv") as caught:
        read_jobs(table(tmp_path, text))
    assert said in caught.value.headline


def test_a_folder_gives_the_images_that_have_prompts_beside_them(study) -> None:
    (study / "case1_prompts.json").write_text("{}")
    (study / "other.nii.gz").write_bytes(b"")
    found = {job.name: job.prompts for job in read_jobs(study)}
    assert found == {
        "case0": str(study / "case0_labels.nii.gz"),
        "case1": str(study / "case1_prompts.json"),
        "case2": str(study / "case2_labels.nii.gz"),
    }


def test_json_of_another_program_beside_an_image_is_no_prompts(study) -> None:
    (study / "case0.json").write_text('{"Modality": "CT", "Manufacturer": "none"}')
    (study / "case1.json").write_text('{"format": "napari-sam2 prompts", "version": 99}')
    found = {job.name: job.prompts for job in read_jobs(study)}
    assert found["case0"] == str(study / "case0_labels.nii.gz")
    # What is wrong with our own is told, not passed over.
    assert found["case1"] == str(study / "case1.json")


def test_a_folder_without_prompts_says_what_to_put_there(tmp_path) -> None:
    with pytest.raises(JobError, match="holds no image with prompts"):
        read_jobs(tmp_path)


def test_the_fingerprint_knows_every_setting_but_not_the_object(study) -> None:
    job = read_jobs(study)[0]
    assert job.fingerprint == read_jobs(study)[0].fingerprint
    assert replace(job, direction="forward").fingerprint != job.fingerprint
