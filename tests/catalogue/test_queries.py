"""What a person may name: paths, folders, lists, tables and URLs, each photo in its order."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from fieldmark.catalogue.queries import group_queries, read_list, read_queries
from fieldmark.data.photos.web_photo import WebLimits, WebPhoto
from fieldmark.errors import DataError, SettingError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg", "deep/c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    return tmp_path


def test_a_table_gives_a_photo_for_each_row_with_its_columns(folder: Path) -> None:
    table = folder / "items.csv"
    table.write_text("\ufeffSKU;Image;Price\nx1;a.jpg;3,50\nx2;;4\nx3;deep/c.jpg;\n", encoding="utf-8")
    first, empty, last = read_queries([str(table)])
    assert (first.photo, first.name) == (folder / "a.jpg", str(folder / "a.jpg"))
    assert first.columns == {"SKU": "x1", "Image": "a.jpg", "Price": "3,50"}
    assert (empty.photo, empty.error) == (None, f"line 3 of {table} names no photo: fill in the column 'Image'")
    assert (last.name, last.columns["Price"]) == (str(folder / "deep/c.jpg"), "")


def test_a_column_of_any_name(folder: Path) -> None:
    table = folder / "items.csv"
    table.write_text("Bild,SKU\na.jpg,1\n")
    assert read_queries([str(table)], path_col="bild")[0].name == str(folder / "a.jpg")
    with pytest.raises(DataError) as caught:
        read_queries([str(table)])
    assert str(caught.value) == (
        f"expected a column 'path' in {table}, but it has: Bild, SKU; name the column with --path-col"
    )
    with pytest.raises(DataError) as caught:
        read_queries([str(table)], path_col="picture")
    assert str(caught.value) == f"expected a column 'picture' in {table}, but it has: Bild, SKU; correct --path-col"


def test_specimens_keep_the_columns_that_their_rows_share(folder: Path) -> None:
    table = folder / "finds.csv"
    table.write_text("path,group,site,note\na.jpg,one,north,x\nb.jpg,one,north,y\ndeep/c.jpg,two,south,z\n")
    first, second = group_queries(read_queries([str(table)])) or []
    assert (first.group, first.photos) == ("one", [folder / "a.jpg", folder / "b.jpg"])
    assert first.columns == {"path": "", "group": "one", "site": "north", "note": ""}
    assert second.columns == {"path": "deep/c.jpg", "group": "two", "site": "south", "note": "z"}
    table.write_text("path,SKU\na.jpg,1\n,2\n")
    queries = read_queries([str(table)])
    assert group_queries(queries) is None
    with pytest.raises(DataError, match=r"line 3 of .* names no photo"):
        group_queries(queries, same=True)
    table.write_text("path,group\nhttps://example.org/a.jpg,one\na.jpg,\n")
    with pytest.raises(DataError) as caught:
        read_queries([str(table)], allow_urls=True)
    assert str(caught.value) == f"expected a path and a group in line 3 of {table}, but one is empty; fill it in"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\0"])
def test_a_list_on_standard_input(folder: Path, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = "caf\udce9 1.jpg"  # a file name that is no Unicode
    content = end.join([str(folder / "b.jpg"), str(folder), odd, ""]).encode(errors="surrogateescape")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    names = [query.name for query in read_queries(["-"])]
    assert names == [*(str(folder / name) for name in ("b.jpg", "a.jpg", "b.jpg", "deep/c.jpg")), odd]


def test_paths_in_a_list_file_are_relative_to_it(folder: Path) -> None:
    (folder / "deep" / "list.txt").write_text("c.jpg\n\nhttps://example.org/a.jpg\n../a.jpg\n")
    assert read_list(str(folder / "deep" / "list.txt")) == [
        str(folder / "deep" / "c.jpg"),
        "https://example.org/a.jpg",
        str(folder / "deep" / "../a.jpg"),
    ]
    (folder / "empty.txt").write_text("\n")
    with pytest.raises(DataError) as caught:
        read_list(str(folder / "empty.txt"))
    expected = f"expected a list of photos in {folder / 'empty.txt'}, but it is empty: put one path on each line"
    assert str(caught.value) == expected
    with pytest.raises(DataError) as caught:
        read_list(str(folder / "none.txt"))
    assert str(caught.value) == (
        f"expected a list of photos, but {folder / 'none.txt'} cannot be read: No such file or directory"
    )


def test_urls_only_on_request_and_in_bounds(folder: Path) -> None:
    table = folder / "items.csv"
    table.write_text("image,SKU\nhttps://example.org/1.jpg,1\na.jpg,2\nHTTP://example.org/3.jpg,3\n")
    with pytest.raises(SettingError) as caught:
        read_queries([str(table)])
    assert str(caught.value) == (
        "https://example.org/1.jpg is a URL, and photos are fetched only on request: add --allow-urls"
    )
    queries = read_queries([str(table)], allow_urls=True)
    assert [isinstance(query.photo, WebPhoto) for query in queries] == [True, False, True]
    with pytest.raises(SettingError) as caught:
        read_queries([str(table)], allow_urls=True, limits=WebLimits(count=1))
    assert str(caught.value) == (
        "the input names 2 URLs, but at most 1 photos are fetched in one run: raise --max-urls or give fewer"
    )
