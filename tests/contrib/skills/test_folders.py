"""Skills in folders: what is read, and which files are refused."""

import os

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_mcp.contrib.skills.folders import find_folders, read_skills


def write(folder, name, text="", **files):
    root = folder / name
    root.mkdir(parents=True, exist_ok=True)
    head = f"---\nname: {root.name}\ndescription: About {name}\n---\n{text}"
    (root / "SKILL.md").write_text(head, encoding="utf-8")
    for path, data in files.items():
        (root / path).write_bytes(data)
    return root


def refused(folder):
    with pytest.raises(ImproperlyConfigured) as error:
        read_skills("shop", folder)
    return str(error.value)


def test_a_skill_is_a_folder_with_its_files(tmp_path):
    root = write(tmp_path, "billing/refund", "Text\r\n", **{"b.bin": b"\xff", "a.md": b"\xef\xbb\xbfA\r\n"})
    for hidden in (".git", "__pycache__"):
        (root / hidden).mkdir()
        (root / hidden / "x").write_text("x")
    (root / ".DS_Store").write_text("x")
    (tmp_path / "README.md").write_text("not of a skill")

    [skill] = read_skills("shop", tmp_path)

    assert (skill.uri, skill.name) == ("skill://shop/billing/refund/SKILL.md", "refund")
    assert skill.paths == ["SKILL.md", "a.md", "b.bin"]
    assert skill.content_of("a.md").text == "\ufeffA\r\n"
    assert skill.content_of("b.bin").text is None


def test_a_nested_skill_is_listed_too_and_its_files_belong_to_both(tmp_path):
    write(write(tmp_path, "outer"), "inner")

    outer, inner = read_skills("shop", tmp_path)

    assert (outer.paths, inner.paths) == (["SKILL.md", "inner/SKILL.md"], ["SKILL.md"])
    assert outer.uri_of("inner/SKILL.md") == inner.uri
    assert outer.files["inner/SKILL.md"] is inner.files["SKILL.md"]


def test_a_changed_file_keeps_the_bytes_of_its_digest(tmp_path):
    root = write(tmp_path, "refund", **{"a.md": b"before"})
    [skill] = read_skills("shop", tmp_path)
    listed = skill.described()

    (root / "a.md").write_text("after")

    assert skill.content_of("a.md").data == b"before"
    assert skill.described() == listed


def test_links_may_not_lead_out_of_the_folder(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    root = write(tmp_path / "skills", "refund", **{"a.md": b"a"})
    write(tmp_path / "skills", "other")
    (root / "inside.md").symlink_to("a.md")
    assert read_skills("shop", tmp_path / "skills")[1].content_of("inside.md").data == b"a"

    for target in (secret, tmp_path / "skills" / "refund", tmp_path, tmp_path / "missing"):
        (root / "link.md").symlink_to(target)
        assert str(root / "link.md") in refused(tmp_path / "skills")
        (root / "link.md").unlink()

    (root / "loop").symlink_to(".")
    assert "copy the file" in refused(tmp_path / "skills")


def test_a_link_into_another_skill_is_refused(tmp_path):
    other = write(tmp_path, "other", **{"guarded.md": b"guarded"})
    root = write(tmp_path, "refund")
    (root / "link.md").symlink_to(other / "guarded.md")

    assert "link.md" in refused(tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(write(tmp_path, "refund") / "pipe")

    assert "ordinary files" in refused(tmp_path)


def test_a_name_that_no_uri_has_is_refused(tmp_path):
    root = write(tmp_path, "refund")
    for name in ("a\\b.md", "a\nb.md", os.fsdecode(b"\xff.md")):
        (root / name).write_text("x")
        assert "is no path of a file" in refused(tmp_path)
        (root / name).unlink()


def test_the_head_fits_the_folder_and_is_utf_8(tmp_path):
    root = write(tmp_path, "refund")
    entry = root / "SKILL.md"
    text = entry.read_text()

    entry.write_text(text.replace("name: refund", "name: return"))
    assert "its folder is named as the skill is: 'return'" in refused(tmp_path)
    entry.write_bytes(text.encode("utf-16"))
    assert "without a byte order mark" in refused(tmp_path)
    entry.write_bytes(text.encode("utf-8-sig"))
    assert "without a byte order mark" in refused(tmp_path)


def test_a_skill_has_a_bounded_size(tmp_path):
    root = write(tmp_path, "refund")
    with (root / "large").open("wb") as file:
        file.truncate(16 * 1024 * 1024 + 1)
    assert "16777216 bytes" in refused(tmp_path)
    (root / "large").unlink()
    for number in range(512):
        (root / f"{number}").touch()
    assert "512 files" in refused(tmp_path)


def test_a_skill_that_is_the_folder_itself_is_refused(tmp_path):
    write(tmp_path, ".")

    assert "skills/<name>/SKILL.md" in refused(tmp_path)


def test_an_app_is_named_by_its_label():
    assert [label for label, _ in find_folders(["conformance"])] == ["conformance"]
    with pytest.raises(ImproperlyConfigured, match="No installed app with label 'shop'"):
        list(find_folders(["shop"]))
    with pytest.raises(ImproperlyConfigured, match="the app 'admin' has no folder"):
        list(find_folders(["admin"]))
