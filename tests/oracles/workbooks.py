"""Workbooks written by hand: the zip archive and the XML that the format asks for."""

import datetime
import zipfile
from xml.sax.saxutils import escape

SHEET = '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
TYPES = (
    '<?xml version="1.0"?><Types'
    ' xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels"'
    ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
RELATED = '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STYLES = (
    '<?xml version="1.0"?><styleSheet'
    ' xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><fonts'
    ' count="1"><font/></fonts><fills count="1"><fill/></fills><borders'
    ' count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs'
    ' count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>'
)
EPOCH = datetime.date(1899, 12, 30)


def column_letters(place):
    letters = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def cell(value, row, column):
    """Return the XML of one cell; rows and columns count from 0."""
    where = f'r="{column_letters(column)}{row + 1}"'
    if value is None:
        return ""
    if isinstance(value, bool):
        return f'<c {where} t="b"><v>{int(value)}</v></c>'
    if isinstance(value, datetime.date):
        return f'<c {where} s="1"><v>{(value - EPOCH).days}</v></c>'
    if isinstance(value, (int, float)):
        return f"<c {where}><v>{value!r}</v></c>"
    if value.startswith("#"):
        return f'<c {where} t="e"><v>{value}</v></c>'
    return f'<c {where} t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def sheet_of(rows, corner=(0, 0)):
    """Return the XML of a sheet whose table begins at ``corner``."""
    lines = [
        f'<row r="{row + 1}">'
        + "".join(cell(value, row, column) for column, value in enumerate(values, corner[1]))
        for row, values in enumerate(rows, corner[0])
    ]
    return SHEET + "".join(line + "</row>" for line in lines) + "</sheetData></worksheet>"


def write_workbook(path, *sheets, names=None):
    """Write sheets, each rows of cells or XML, as an .xlsx file."""
    names = names or [f"Sheet{number}" for number in range(1, len(sheets) + 1)]
    listed = "".join(
        f'<sheet name="{n}" sheetId="{i}" r:id="rId{i}"/>' for i, n in enumerate(names, 1)
    )
    related = "".join(
        f'<Relationship Id="rId{i}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{i}.xml"/>'
        for i in range(1, len(sheets) + 1)
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr(
            "_rels/.rels",
            f'{RELATED}<Relationship Id="rId1" Type="{OFFICE}/officeDocument"'
            ' Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            '<?xml version="1.0"?><workbook'
            ' xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
            f' xmlns:r="{OFFICE}"><sheets>{listed}</sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'{RELATED}{related}<Relationship Id="rId99" Type="{OFFICE}/styles"'
            ' Target="styles.xml"/></Relationships>',
        )
        archive.writestr("xl/styles.xml", STYLES)
        for number, sheet in enumerate(sheets, 1):
            xml = sheet if isinstance(sheet, str) else sheet_of(sheet)
            archive.writestr(f"xl/worksheets/sheet{number}.xml", xml)
