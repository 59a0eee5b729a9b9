"""Small PDF files, for tests."""

import io
import zlib

from PIL import Image

ENCRYPTION = b"<</Filter/Standard/V 1/R 2/O<" + b"11" * 32 + b">/U<" + b"22" * 32 + b">/P -44>>"


def compose_pdf(n_pages=1, content=b"", size=(100, 100), resources=b"", extra=b"", more=()):
    """A PDF of equal pages, by its parts: `more` are further objects, from number 5 on."""
    kids = b" ".join(b"4 0 R" for _ in range(n_pages))
    box = b"[0 0 %f %f]" % size
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[" + kids + b"]/Count %d>>" % n_pages,
        b"<</Length %d>>stream\n" % len(content) + content + b"\nendstream",
        b"<</Type/Page/Parent 2 0 R/Contents 3 0 R/MediaBox" + box + resources + b">>",
        *more,
    ]
    out = io.BytesIO()
    out.write(b"%PDF-1.7\n")
    places = []
    for i, one in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n" % i + one + b"\nendobj\n")
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % place for place in places)
    out.write(b"trailer<</Size %d/Root 1 0 R" % (len(objects) + 1) + extra + b">>\n")
    out.write(b"startxref\n%d\n%%%%EOF" % start)
    return out.getvalue()


def encrypted_pdf():
    return compose_pdf(extra=b"/ID[<01><01>]/Encrypt" + ENCRYPTION)


def pdf_of_a_large_picture(side):
    """A page with a picture of many equal pixels, packed to a few bytes."""
    packed = zlib.compress(bytes(side) * (side // 8), 9)
    head = b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray" % (side, side)
    picture = head + b"/BitsPerComponent 1/Filter/FlateDecode/Length %d>>stream\n" % len(packed)
    return compose_pdf(
        content=b"100 0 0 100 0 0 cm /I Do",
        resources=b"/Resources<</XObject<</I 5 0 R>>>>",
        more=[picture + packed + b"\nendstream"],
    )


def pdf_of_pictures(pictures, dpi=200):
    """A page for each picture, as a scanner makes them."""
    images = [Image.fromarray(one) for one in pictures]
    out = io.BytesIO()
    images[0].save(out, "PDF", save_all=True, append_images=images[1:], resolution=dpi)
    return out.getvalue()


def tiff_of_pictures(pictures):
    images = [Image.fromarray(one) for one in pictures]
    out = io.BytesIO()
    images[0].save(out, "TIFF", save_all=True, append_images=images[1:])
    return out.getvalue()
