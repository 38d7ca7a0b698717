"""Documents as users send them, and as attackers do, made by hand; each with what must come of it."""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

__all__ = ["CORPUS", "Document", "docx", "pdf", "pdf_of", "scanned", "slow_pdf", "zipped"]

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
_KINDS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PAD = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")


class Document(NamedTuple):
    """How it is made, what it says that it is, and the words that come of it, or those of the refusal."""

    make: Callable[[], bytes]
    words: tuple[str, ...] = ()
    refused: str = ""
    media_type: str = ""


# -- PDF --


def pdf(objects: Mapping[int, bytes], trailer: bytes = b"", *, head: bytes = b"%PDF-1.7\n") -> bytes:
    """A file of numbered objects, the first of which is the catalog."""
    out, places = bytearray(head), {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start, size = len(out), max(objects) + 1
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        out += b"%d 1\n%010d 00000 n \n" % (number, place)
    out += b"trailer\n<< /Size %d /Root 1 0 R %b >>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, start)
    return bytes(out)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %b >>\nstream\n%b\nendstream" % (len(content), entries, content)


def _shown(text: str) -> bytes:
    plain = text.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
    return b"BT /F1 12 Tf 50 700 Td (%b) Tj ET" % plain


def pdf_of(*pages: str, page: bytes = b"", catalog: bytes = b"") -> bytes:
    """A file with one line on each page."""
    return pdf(_objects([stream(_shown(text)) for text in pages], page, catalog))


def _objects(streams: Sequence[bytes], page: bytes = b"", catalog: bytes = b"") -> dict[int, bytes]:
    kids = b" ".join(b"%d 0 R" % (10 + 2 * at) for at in range(len(streams)))
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R %b >>" % catalog,
        2: b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, len(streams)),
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    }
    for at, content in enumerate(streams):
        objects[10 + 2 * at] = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> %b >>" % (11 + 2 * at, page)
        )
        objects[11 + 2 * at] = content
    return objects


def scanned() -> bytes:
    """A page that is a picture."""
    objects = _objects([stream(b"q 595 0 0 842 0 0 cm /Im1 Do Q")])
    objects[10] = objects[10].replace(b"/Font <<", b"/XObject << /Im1 4 0 R >> /Font <<")
    picture = b"/Type /XObject /Subtype /Image /Width 8 /Height 8 /ColorSpace /DeviceGray /BitsPerComponent 8"
    objects[4] = stream(bytes(range(64)), picture)
    return pdf(objects)


def _in_unicode(text: str) -> bytes:
    """A page in a font of two bytes, whose letters only its map tells."""
    letters = sorted(set(text))
    codes = {letter: at + 1 for at, letter in enumerate(letters)}
    lines = b"".join(b"<%04X> <%04X>\n" % (code, ord(letter)) for letter, code in codes.items())
    cmap = b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange\n"
    cmap += b"%d beginbfchar\n%bendbfchar endcmap end" % (len(letters), lines)
    shown = b"".join(b"%04X" % codes[letter] for letter in text)
    objects = _objects([stream(b"BT /F1 12 Tf 50 700 Td <%b> Tj ET" % shown)])
    font = b"/Type /Font /BaseFont /Some"
    objects[3] = b"<< %b /Subtype /Type0 /Encoding /Identity-H /DescendantFonts [4 0 R] /ToUnicode 5 0 R >>" % font
    objects[4] = b"<< %b /Subtype /CIDFontType2 /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) " % font
    objects[4] += b"/Supplement 0 >> /FontDescriptor 6 0 R >>"
    objects[5] = stream(cmap)
    objects[6] = b"<< /Type /FontDescriptor /FontName /Some /Flags 4 /FontBBox [0 0 1000 1000] >>"
    return pdf(objects)


def _form() -> bytes:
    objects = _objects(
        [stream(_shown("Name:"))], b"/Annots [4 0 R 5 0 R]",
        b"/AcroForm << /Fields [4 0 R 5 0 R] /DR << /Font << /F1 3 0 R >> >> /DA (/F1 12 Tf) /NeedAppearances true >>",
    )  # fmt: skip
    field = (
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (%b) /V (%b) /Rect [50 %d 300 %d] /DA (/F1 12 Tf 0 g) /F 4 %b>>"
    )
    drawn = stream(
        b"/Tx BMC BT /F1 12 Tf 2 5 Td (Ada Lovelace) Tj ET EMC",
        b"/Type /XObject /Subtype /Form /BBox [0 0 250 20] /Resources << /Font << /F1 3 0 R >> >>",
    )
    objects[4] = field % (b"name", b"Ada Lovelace", 600, 620, b"/AP << /N 6 0 R >> ")
    objects[5] = field % (b"city", b"London Town", 500, 520, b"")
    objects[6] = drawn
    return pdf(objects)


def _rc4(key: bytes, content: bytes) -> bytes:
    state = list(range(256))
    at = 0
    for place in range(256):
        at = (at + state[place] + key[place % len(key)]) % 256
        state[place], state[at] = state[at], state[place]
    out, first, second = bytearray(), 0, 0
    for byte in content:
        first = (first + 1) % 256
        second = (second + state[first]) % 256
        state[first], state[second] = state[second], state[first]
        out.append(byte ^ state[(state[first] + state[second]) % 256])
    return bytes(out)


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


def _locked(password: bytes) -> bytes:
    """Encrypted with 40 bits; an empty *password* opens for everybody and forbids only changes."""
    user = (password + _PAD)[:32]
    owner = _rc4(_md5((b"owner" + _PAD)[:32])[:5], user)
    key = _md5(user + owner + (-4).to_bytes(4, "little", signed=True) + b"0123456789abcdef")[:5]
    content = _rc4(_md5(key + (11).to_bytes(3, "little") + b"\0\0")[:10], _shown("Only for your eyes"))
    objects = _objects([stream(content)])
    objects[9] = b"<< /Filter /Standard /V 1 /R 2 /O <%b> /U <%b> /P -4 >>" % (
        owner.hex().encode(),
        _rc4(key, _PAD).hex().encode(),
    )
    identity = b"0123456789abcdef".hex().encode()
    return pdf(objects, b"/Encrypt 9 0 R /ID [<%b> <%b>]" % (identity, identity))


def _packed() -> bytes:
    """All objects but the page's content in one compressed stream, as newer programs write them."""
    objects = {number: body for number, body in _objects([b""]).items() if number != 11}
    head, bodies = b"", b""
    for number, body in objects.items():
        head += b"%d %d " % (number, len(bodies))
        bodies += body + b" "
    inner = zlib.compress(head + bodies)
    parts = {
        11: stream(_shown("Compressed objects")),
        12: stream(inner, b"/Type /ObjStm /N %d /First %d /Filter /FlateDecode" % (len(objects), len(head))),
    }
    out, entries = bytearray(b"%PDF-1.5\n"), {0: (0, 0, 0xFF)}
    for number, body in parts.items():
        entries[number] = (1, len(out), 0)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    entries |= {number: (2, 12, at) for at, number in enumerate(objects)}
    entries[13] = (1, len(out), 0)
    table = b"".join(
        bytes((kind,)) + where.to_bytes(4, "big") + bytes((last,))
        for kind, where, last in (entries.get(number, (0, 0, 0)) for number in range(14))
    )
    start = len(out)
    out += b"13 0 obj\n" + stream(table, b"/Type /XRef /Size 14 /W [1 4 1] /Root 1 0 R") + b"\nendobj\n"
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def _many(pages: int) -> bytes:
    """The same page again and again."""
    objects = _objects([stream(_shown("Again"))])
    objects[2] = b"<< /Type /Pages /Kids [%b] /Count %d >>" % (b"10 0 R " * pages, pages)
    return pdf(objects)


def _claiming(count: int) -> bytes:
    objects = _objects([stream(_shown("One page"))])
    objects[2] = objects[2].replace(b"/Count 1", b"/Count %d" % count)
    return pdf(objects)


def _circle() -> bytes:
    objects = _objects([stream(_shown("Round and round"))])
    objects[2] = b"<< /Type /Pages /Kids [2 0 R 2 0 R 10 0 R] /Count 3 >>"
    return pdf(objects)


def _nested() -> bytes:
    """Lists in lists, a hundred thousand deep."""
    objects = _objects([stream(_shown("Deep"))])
    objects[4] = b"[" * 100_000 + b"]" * 100_000
    objects[10] = objects[10].replace(b"/Type /Page ", b"/Type /Page /Deep 4 0 R /Deeper %b " % objects[4])
    return pdf(objects)


def _inflating() -> bytes:
    """A page of 320 MiB of spaces, packed twice into some kilobytes."""
    packer = zlib.compressobj(1)
    once = b"".join(packer.compress(b" " * 2**24) for _ in range(20)) + packer.flush()
    return pdf(_objects([stream(zlib.compress(once, 9), b"/Filter [/FlateDecode /FlateDecode]")]))


def slow_pdf() -> bytes:
    """Drawings that draw others ten times over: a billion in all."""
    objects = _objects([stream(_shown("Slow") + b" /X0 Do")])
    objects[10] = objects[10].replace(b"/Font <<", b"/XObject << /X0 20 0 R >> /Font <<")
    for level in range(9):
        inner = b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /XObject << /X%d %d 0 R >> >>"
        objects[20 + level] = stream(b"/X%d Do " % (level + 1) * 10, inner % (level + 1, 21 + level))
    objects[29] = stream(b"0 0 10 10 re f " * 10, b"/Type /XObject /Subtype /Form /BBox [0 0 595 842]")
    return pdf(objects)


# -- archives --


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    """A ZIP archive of *members*."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def docx(body: str, more: Mapping[str, str | bytes] | None = None, head: str = "") -> bytes:
    """A document of Word with *body* as its XML."""
    document = f'<?xml version="1.0" encoding="UTF-8"?>{head}<w:document {_W}><w:body>{body}</w:body></w:document>'
    return zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": document} | dict(more or {}))


def _paragraph(text: str, style: str = "") -> str:
    told = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{told}<w:r><w:t>{text}</w:t></w:r></w:p>"


def _report() -> bytes:
    cells = "".join(f"<w:tc>{_paragraph(text)}</w:tc>" for text in ("Apples", "12"))
    split = "<w:p><w:r><w:t>Grüße, </w:t></w:r><w:r><w:t>世界</w:t><w:tab/><w:t>end</w:t></w:r></w:p>"
    body = _paragraph("Yearly report", "Heading1") + split + f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>"
    notes = f"<w:footnotes {_W}><w:footnote>{_paragraph('As audited')}</w:footnote></w:footnotes>"
    return docx(body, {"word/footnotes.xml": notes})


def _box() -> bytes:
    """A text box, which Word writes twice."""
    inner = f"<w:txbxContent>{_paragraph('boxed words')}</w:txbxContent>"
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    twice = f"<mc:Choice>{inner}</mc:Choice><mc:Fallback>{inner}</mc:Fallback>"
    return docx(f"<w:p><w:r><mc:AlternateContent {mc}>{twice}</mc:AlternateContent></w:r></w:p>")


def _related(*targets: tuple[str, str]) -> str:
    kinds = [(at, f"{_KINDS}/{kind}", target) for at, (kind, target) in enumerate(targets)]
    entries = (f'<Relationship Id="r{at}" Type="{kind}" Target="{target}"/>' for at, kind, target in kinds)
    return f"<Relationships>{''.join(entries)}</Relationships>"


def _slides() -> bytes:
    def slide(text: str) -> str:
        return f'<p:sld xmlns:p="p" xmlns:a="a"><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:sld>'

    order = '<p:sldIdLst><p:sldId r:id="r1"/><p:sldId r:id="r0"/></p:sldIdLst>'
    presentation = f'<p:presentation xmlns:p="p" {_R}>{order}</p:presentation>'
    slides = (("slide", "slides/slide1.xml"), ("slide", "/ppt/slides/slide2.xml"))
    return zipped({
        "ppt/presentation.xml": presentation,
        "ppt/_rels/presentation.xml.rels": _related(*slides),
        "ppt/slides/slide1.xml": slide("Our roadmap"),
        "ppt/slides/slide2.xml": slide("Welcome &amp; hello"),
        "ppt/slides/_rels/slide2.xml.rels": _related(("notesSlide", "../notesSlides/notesSlide1.xml")),
        "ppt/notesSlides/notesSlide1.xml": slide("smile first"),
    })  # fmt: skip


_FORMATS = (
    '<styleSheet><numFmts><numFmt numFmtId="170" formatCode="[Red]&quot;day&quot; yyyy/mm"/></numFmts><cellStyleXfs>'
    '<xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="170"/>'
    '<xf numFmtId="4"/></cellXfs></styleSheet>'
)
_STRINGS = "<sst><si><t>Product</t></si><si><r><t>Rich </t></r><r><t>text</t></r><rPh><t>spoken</t></rPh></si></sst>"


def _workbook(rows: str, *, old: bool = False) -> bytes:
    told = f'<workbookPr date1904="{int(old)}"/><sheets><sheet name="Sales" sheetId="1" r:id="r0"/></sheets>'
    parts = ("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "sharedStrings.xml"), ("styles", "styles.xml")
    return zipped({
        "xl/workbook.xml": f"<workbook {_R}>{told}</workbook>",
        "xl/_rels/workbook.xml.rels": _related(*parts),
        "xl/sharedStrings.xml": _STRINGS,
        "xl/styles.xml": _FORMATS,
        "xl/worksheets/sheet1.xml": f"<worksheet><sheetData>{rows}</sheetData></worksheet>",
    })  # fmt: skip


_ROWS = (
    '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c>'
    '<c r="D1" t="inlineStr"><is><t>a, "b"</t></is></c></row>'
    '<row r="3"><c r="A3"><v>12.5</v></c><c r="B3" s="1"><v>45000</v></c><c r="C3" s="2"><v>45000.75</v></c>'
    '<c r="D3" t="b"><v>1</v></c><c r="E3" t="e"><v>#DIV/0!</v></c><c r="F3" s="3"><f>1+1</f><v>2</v></c></row>'
)


def _book() -> bytes:
    head = '<?xml version="1.0"?><!DOCTYPE html PUBLIC "x" "y"><html><head><title>T</title></head>'
    items = '<item id="b" href="two.xhtml"/><item id="a" href="text%20files/one.xhtml"/>'
    spine = '<itemref idref="a"/><itemref idref="b"/>'
    return zipped({
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        "OPS/book.opf": f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>",
        "OPS/text files/one.xhtml": f"{head}<body><h1>The first chapter</h1></body></html>",
        "OPS/two.xhtml": f"{head}<body><h1>The second chapter</h1></body></html>",
    })  # fmt: skip


def _laughing() -> bytes:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return docx(_paragraph("&l9;"), head=f'<!DOCTYPE w [<!ENTITY l0 "lol">{entities}]>')


def _spying() -> bytes:
    return docx(_paragraph("&x;"), head='<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/hostname">]>')


def _locked_zip() -> bytes:
    content = bytearray(_report())
    for start in (b"PK\x03\x04", b"PK\x01\x02"):
        place = content.find(start)
        while place >= 0:
            content[place + (6 if start == b"PK\x03\x04" else 8)] |= 1
            place = content.find(start, place + 4)
    return bytes(content)


_PAGE = """<!DOCTYPE html><html><head><title>A shop</title><style>p {color: red}</style>
<script>var secret = 1;</script></head>
<body><h2>Prices &amp; terms</h2><p>Tea   costs
<b>3&nbsp;€</b>.<br>Coffee too.</p><ul><li>one<li>two</ul><table><tr><td>a<td>b</table><pre>  kept
    lines</pre><img alt="a red door" src="x"></body>"""

CORPUS: Mapping[str, Document] = {
    "pdf-plain": Document(lambda: pdf_of("Hello, World"), ("Hello, World",)),
    "pdf-two-pages": Document(lambda: pdf_of("First page", "Second page"), ("First page\n\nSecond page",)),
    "pdf-500-pages": Document(lambda: pdf_of(*(f"This is page {n}." for n in range(500))), ("page 0.", "page 499.")),
    "pdf-too-many-pages": Document(lambda: _many(2_001), refused="2001 pages"),
    "pdf-western-letters": Document(lambda: pdf_of("Größe: 5 € (naïve) \\ é"), ("Größe: 5 € (naïve) \\ é",)),
    "pdf-hebrew": Document(lambda: _in_unicode("םולש םלוע"), ("שלום",)),
    "pdf-arabic": Document(lambda: _in_unicode("ابحرم"), ("مرحبا",)),
    "pdf-chinese": Document(lambda: _in_unicode("你好世界"), ("你好世界",)),
    "pdf-form": Document(_form, ("Name:", "Ada Lovelace", "London Town")),
    "pdf-locked": Document(lambda: _locked(b"secret"), refused="password"),
    "pdf-locked-for-changes": Document(lambda: _locked(b""), ("Only for your eyes",)),
    "pdf-packed-objects": Document(_packed, ("Compressed objects",)),
    "pdf-rotated": Document(lambda: pdf_of("Sideways", page=b"/Rotate 90"), ("Sideways",)),
    "pdf-with-script": Document(
        lambda: pdf_of("Harmless", catalog=b"/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>"), ("Harmless",)
    ),
    "pdf-late-header": Document(lambda: b"\xef\xbb\xbf\r\n" + pdf_of("Late"), ("Late",)),
    "pdf-broken-xref": Document(lambda: pdf_of("Mended").replace(b"startxref\n", b"startxref\n9"), ("Mended",)),
    "pdf-cut-off": Document(lambda: pdf_of("Cut off").partition(b"xref")[0], refused="no sound PDF"),
    "pdf-half": Document(lambda: pdf_of("Half")[:120], refused="no sound PDF"),
    "pdf-head-only": Document(lambda: b"%PDF-1.7\n", refused="no sound PDF"),
    "pdf-no-pages": Document(lambda: pdf({1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: b"<< /Kids [] /Count 0 >>"}),
                             refused="no (pages|sound PDF)"),
    "pdf-two-billion-pages": Document(lambda: _claiming(2**31 - 1), ("One page",)),
    "pdf-circle": Document(_circle, ("Round and round",)),
    "pdf-nested-bomb": Document(_nested, ("Deep",)),
    "pdf-inflating": Document(_inflating, refused="memory"),
    "docx": Document(_report, ("# Yearly report", "Grüße, 世界\tend", "Apples | 12", "As audited")),
    "docx-text-box": Document(_box, ("boxed words",)),
    "docx-zip-bomb": Document(lambda: docx(_paragraph(" " * (136 << 20))), refused="128 MiB"),
    "docx-billion-laughs": Document(_laughing, refused="entities"),
    "docx-spying": Document(_spying, refused="entities"),
    "docx-cut-off": Document(lambda: _report()[:-40], refused="broken ZIP"),
    "docx-damaged": Document(lambda: _report().replace(b"PK\x01\x02", b"PK\x01\x03", 1), refused="broken"),
    "docx-bad-xml": Document(lambda: docx("<w:p><w:t>never closed"), refused="XML"),
    "docx-locked": Document(_locked_zip, refused="password"),
    "docx-empty": Document(lambda: docx(""), refused="no text"),
    "pptx": Document(_slides, ("## Slide 1\nWelcome & hello\nNotes: smile first", "## Slide 2\nOur roadmap")),
    "xlsx": Document(
        lambda: _workbook(_ROWS),
        ('## Sales\nProduct,,Rich text,"a, ""b"""', "12.5,2023-03-15,2023-03-15 18:00:00,TRUE,#DIV/0!,2"),
    ),
    "xlsx-of-1904": Document(lambda: _workbook(_ROWS, old=True), ("12.5,2027-03-16",)),
    "xlsx-far-cell": Document(
        lambda: _workbook('<row r="1"><c r="XFD1"><v>7</v></c><c r="ZZZZZ9"><v>8</v></c></row>'), (",,,7",)
    ),
    "epub": Document(_book, ("# The first chapter\n", "# The second chapter")),
    "zip": Document(lambda: zipped({"a.txt": "hello", "../../etc/passwd": "x"}), refused="archive"),
    "html": Document(
        _PAGE.encode,
        ("## Prices & terms", "Tea costs 3 €.\nCoffee too.", "- one\n- two", "| a | b",
         "  kept\n    lines", "a red door"),
    ),
    "html-cyrillic": Document(
        lambda: '<html><meta charset="windows-1251"><p>Привет, мир'.encode("cp1251"), ("Привет, мир",)
    ),
    "html-unmarked": Document(lambda: b"<p>Hi <b>there", ("Hi there",), media_type="text/html; charset=utf-8"),
    "text": Document(lambda: b"\xef\xbb\xbf" + "Ünïcödé ✓ ok\n".encode(), ("Ünïcödé ✓ ok",)),
    "text-latin-1": Document(lambda: "Déjà vu à Zürich".encode("latin-1"), ("Déjà vu à Zürich",)),
    "text-utf-16": Document(lambda: "Wide letters ✓".encode("utf-16"), ("Wide letters ✓",)),
    "text-japanese": Document(
        lambda: "日本語".encode("shift-jis"), ("日本語",), media_type="text/plain; charset=shift_jis"
    ),
    "csv": Document(lambda: b"name,age\nBob,42\n", ("name,age\nBob,42",), media_type="text/csv"),
    "markdown": Document(lambda: b"# Title\n\n* item", ("# Title\n\n* item",), media_type="text/markdown"),
    "json": Document(lambda: b'{"a": [1, 2]}', ('{"a": [1, 2]}',), media_type="application/json"),
    "empty": Document(lambda: b"", refused="empty"),
    "blank": Document(lambda: b" \n\t\n", refused="empty"),
    "picture": Document(lambda: b"\x89PNG\r\n\x1a\n" + bytes(64), refused="image_url"),
    "picture-called-pdf": Document(lambda: b"\xff\xd8\xff" + bytes(64), refused="image", media_type="application/pdf"),
    "text-called-pdf": Document(lambda: b"Not really", refused="no PDF", media_type="application/pdf"),
    "program": Document(lambda: b"\x7fELF" + bytes(range(256)) * 8, refused="no document"),
    "word-97": Document(lambda: bytes.fromhex("d0cf11e0a1b11ae1") + bytes(512), refused="old kind"),
    "rtf": Document(lambda: b"{\\rtf1 hello}", refused="RTF"),
    "gzip": Document(lambda: b"\x1f\x8b\x08\0" + bytes(64), refused="compressed"),
}  # fmt: skip
