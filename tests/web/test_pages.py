from digitcnn.web import pages


def test_unchanged_file_is_not_sent_again(client):
    first = client.get("/app.js")
    again = client.get("/app.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)
    assert again.content == b""
    assert client.get("/app.js", headers={"If-None-Match": '"other"'}).content == first.content


def test_files_that_a_system_adds_are_not_served(tmp_path, monkeypatch):
    folder = tmp_path / "web" / "static"
    folder.mkdir(parents=True)
    for name in ("index.html", ".DS_Store", "Thumbs.db", "app.js"):
        (folder / name).write_bytes(b"")
    monkeypatch.setattr(pages, "files", lambda _: tmp_path)
    assert sorted(route.path for route in pages.page_routes()) == ["/", "/app.js"]
