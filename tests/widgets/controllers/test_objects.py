"""The list of objects."""

from __future__ import annotations


def test_objects_are_deleted_merged_ordered_hidden_and_measured(make_driver, volume_data):
    driver = make_driver(volume_data, scale=(3, 0.5, 0.5), units=("mm",) * 3)
    driver.drag(5, 0, 0, 19, 19)
    driver.controller.objects.add()
    driver.drag(5, 10, 10, 29, 29)
    table = driver.widget.objects.table
    assert table.item(0, 4).text() == "0.3 mL"
    assert (driver.labels[5] == 1).sum() == 400
    driver.controller.objects.move(-1)
    driver.settle()
    assert list(driver.session.objects) == [2, 1]
    assert (driver.labels[5] == 2).sum() == 400
    driver.widget.advanced.overlap_box.setCurrentIndex(1)
    driver.widget.advanced.overlap_box.activated.emit(1)
    driver.settle()
    assert driver.session.overlap == "overwrite"
    assert (driver.labels[5] == 1).sum() == 400
    from qtpy.QtCore import Qt

    table.item(0, 0).setCheckState(Qt.CheckState.Unchecked)
    assert driver.layer_group.labels.colormap.color_dict[2][3] == 0
    assert driver.layer_group.labels.colormap.color_dict[1][3] == 1
    assert (driver.labels == 2).any()
    driver.press("W")
    assert driver.controller.tools.obj_id == 1
    (action,) = driver.widget.objects.merge_menu.actions()
    action.trigger()
    driver.settle()
    assert list(driver.session.objects) == [1]
    assert (driver.labels[5] == 1).sum() == 700
    driver.controller.step(back=True)
    driver.settle()
    assert list(driver.session.objects) == [2, 1]
    driver.widget.objects.delete_button.click()
    driver.settle()
    assert list(driver.session.objects) == [2]
    assert driver.controller.tools.obj_id == 2
    assert not (driver.labels == 1).any()


def test_a_new_object_is_seen_though_one_of_its_number_was_hidden_and_deleted(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 10, 10)
    driver.controller.objects.add()
    driver.click(5, 25, 30)
    driver.controller.objects.set_visible(2, False)
    driver.controller.objects.delete()
    driver.settle()
    driver.controller.objects.add()
    driver.click(5, 25, 30)
    assert driver.controller.tools.obj_id == 2
    assert driver.layer_group.labels.get_color(2)[3] == 1
    driver.controller.objects.set_visible(1, False)
    driver.click(5, 30, 30)
    assert driver.layer_group.labels.get_color(1)[3] == 0


def test_objects_are_counted_listed_and_reset_one_by_one(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 10, 10)
    driver.controller.objects.add()
    driver.click(5, 30, 30)
    table = driver.widget.objects.table
    assert [table.item(i, 0).text() for i in range(table.rowCount())] == ["1", "2"]
    assert driver.labels[5, 10, 10] == 1
    assert driver.labels[5, 30, 30] == 2
    table.selectRow(0)
    assert driver.controller.tools.obj_id == 1
    driver.widget.objects.reset_button.click()
    driver.settle()
    assert not (driver.labels == 1).any()
    assert (driver.labels == 2).any()
    assert driver.layer_group.points.features["obj"].tolist() == [2]
    table.item(1, 1).setText("kidney")
    driver.settle()
    assert driver.session.objects[2].name == "kidney"


def test_of_a_time_lapse_the_area_of_a_frame_is_shown(make_driver, volume_data):
    driver = make_driver(volume_data, axis_labels=("t", "y", "x"), units=("s", "pixel", "pixel"))
    table = driver.widget.objects.table
    for frame, size in ((4, 19), (5, 9)):
        driver.drag(frame, 0, 0, size, size)
    assert table.horizontalHeaderItem(4).text() == "Area"
    assert [table.item(0, column).text() for column in (3, 4)] == ["2", "250 px"]
