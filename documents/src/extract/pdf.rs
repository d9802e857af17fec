//! PDF: the text that the file carries. A scan carries none; recognising letters is not done here.

use pdf_oxide::PdfDocument;
use pdf_oxide::converters::ConversionOptions;

use super::text::{Block, Text};
use super::{BadDocument, Limits};

/// Reads the document's text, page by page; gives its title and how many pages there are.
pub(super) fn read(
    bytes: &[u8],
    limits: &Limits,
    text: &mut Text,
) -> Result<(Option<String>, Option<usize>), BadDocument> {
    let broken = |_| BadDocument::damaged("its structure is broken");
    let document = PdfDocument::from_bytes(bytes.to_vec()).map_err(broken)?;
    // A file that only forbids printing opens with the empty password.
    if document.is_encrypted() && !document.authenticate(b"").unwrap_or(false) {
        return Err(BadDocument::Encrypted);
    }
    let pages = document.page_count().map_err(broken)?;
    if pages > limits.pages {
        return Err(BadDocument::TooManyPages { most: limits.pages });
    }
    let options = ConversionOptions {
        detect_headings: true,
        extract_tables: true,
        include_images: false,
        strip_running_headers_footers: true,
        ..ConversionOptions::default()
    };
    for page in 0..pages {
        let words = document.to_markdown(page, &options).map_err(broken)?;
        text.block(&words, Block::Paragraph)?;
    }
    Ok((title(&document), Some(pages)))
}

/// The title in the document's information dictionary (ISO 32000-1, 14.3.3): UTF-16 with its mark,
/// or PDFDocEncoding, which is Windows-1252 but for a few signs.
fn title(document: &PdfDocument) -> Option<String> {
    let info = document.trailer().as_dict()?.get("Info")?;
    let info = document.resolve_object(info).ok()?;
    let title = document.resolve_object(info.as_dict()?.get("Title")?).ok()?;
    let (title, _, _) = encoding_rs::WINDOWS_1252.decode(title.as_string()?);
    let title: String =
        title.trim().chars().filter(|letter| !letter.is_control()).take(300).collect();
    (!title.is_empty()).then_some(title)
}
