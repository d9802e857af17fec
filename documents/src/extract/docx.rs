//! Word documents: a zip of XML parts (ECMA-376). Paragraphs, headings, lists and tables are kept;
//! layout, pictures, comments, deleted and hidden text are not.

use std::collections::HashMap;
use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use super::text::{Block, Text};
use super::xml::{Node, attribute, decoded, walk};
use super::{BadDocument, Limits};

/// Word itself writes a few dozen; pictures add one each.
const MOST_PARTS: usize = 10_000;

/// Reads the document's text and gives its title.
pub(super) fn read(
    bytes: &[u8],
    limits: &Limits,
    text: &mut Text,
) -> Result<Option<String>, BadDocument> {
    let mut parts = Parts::open(bytes, limits)?;
    let main = main_part(&mut parts)?;
    let folder = main.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let beside =
        |name: &str| if folder.is_empty() { name.into() } else { format!("{folder}/{name}") };

    let styles = match parts.read(&beside("styles.xml"))? {
        Some(xml) => styles(&xml)?,
        None => HashMap::new(),
    };
    let lists = match parts.read(&beside("numbering.xml"))? {
        Some(xml) => numbering(&xml)?,
        None => HashMap::new(),
    };
    let body =
        parts.read(&main)?.ok_or_else(|| BadDocument::damaged("its main part is missing"))?;
    let mut story = Story { styles: &styles, lists: &lists, text, counts: HashMap::new() };
    story.read(&body)?;
    // Notes are read out where the pages would show them: after the text.
    for notes in ["footnotes.xml", "endnotes.xml"] {
        if let Some(xml) = parts.read(&beside(notes))? {
            story.read(&xml)?;
        }
    }
    match parts.read("docProps/core.xml")? {
        Some(xml) => title(&xml),
        None => Ok(None),
    }
}

/// The zip, every part of which is counted against one budget.
struct Parts<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    left: u64,
    most: u64,
}

impl<'a> Parts<'a> {
    fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, BadDocument> {
        let mut archive = ZipArchive::new(Cursor::new(bytes))
            .map_err(|_| BadDocument::damaged("its zip directory is broken"))?;
        if archive.len() > MOST_PARTS {
            return Err(BadDocument::damaged("it has too many parts"));
        }
        let mut declared = 0_u64;
        for at in 0..archive.len() {
            let part = archive
                .by_index_raw(at)
                .map_err(|_| BadDocument::damaged("its zip directory is broken"))?;
            if part.encrypted() {
                return Err(BadDocument::Encrypted);
            }
            let name = part.name();
            // Nothing is written to a disk here; but no editor makes such a name.
            if part.enclosed_name().is_none()
                || name.contains(['\\', '\0', ':'])
                || part.is_symlink()
            {
                return Err(BadDocument::Escapes);
            }
            declared = declared.saturating_add(part.size());
        }
        if declared > limits.inflated {
            return Err(BadDocument::Inflates { most: limits.inflated });
        }
        Ok(Self { archive, left: limits.inflated, most: limits.inflated })
    }

    /// A part's letters; `None` where there is none of this name. Declared sizes may lie, so what
    /// really comes out is what counts.
    fn read(&mut self, name: &str) -> Result<Option<String>, BadDocument> {
        let part = match self.archive.by_name(name) {
            Ok(part) => part,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(_) => return Err(BadDocument::damaged("a part cannot be unpacked")),
        };
        let mut bytes = Vec::new();
        part.take(self.left + 1)
            .read_to_end(&mut bytes)
            .map_err(|_| BadDocument::damaged("a part cannot be unpacked"))?;
        let size = bytes.len() as u64;
        if size > self.left {
            return Err(BadDocument::Inflates { most: self.most });
        }
        self.left -= size;
        Ok(Some(decoded(&bytes)?.into_owned()))
    }
}

/// Which part is the document: the package says so, and by custom it is `word/document.xml`.
fn main_part(parts: &mut Parts<'_>) -> Result<String, BadDocument> {
    let mut main = None;
    if let Some(xml) = parts.read("_rels/.rels")? {
        walk(&xml, |node| {
            if let Node::Open(b"Relationship", open) = node
                && attribute(open, b"Type").is_some_and(|kind| kind.ends_with("/officeDocument"))
            {
                main = attribute(open, b"Target");
            }
            Ok(())
        })?;
    }
    let main = main.as_deref().unwrap_or("word/document.xml");
    Ok(main.trim_start_matches('/').to_owned())
}

fn title(xml: &str) -> Result<Option<String>, BadDocument> {
    let mut inside = false;
    let mut title = String::new();
    walk(xml, |node| {
        match node {
            Node::Open(b"title", _) => inside = true,
            Node::Close(b"title") => inside = false,
            Node::Text(words) if inside && title.len() < 500 => title.push_str(&words),
            Node::Open(..) | Node::Close(_) | Node::Text(_) => {}
        }
        Ok(())
    })?;
    let title: String =
        title.trim().chars().filter(|letter| !letter.is_control()).take(300).collect();
    Ok((!title.is_empty()).then_some(title))
}

/// What a paragraph of a style is.
#[derive(Clone, Debug, Default)]
struct Style {
    /// 1 is the highest.
    heading: Option<usize>,
    list: Option<(String, usize)>,
    based_on: Option<String>,
}

/// Styles by their id. An id is in the author's language; `heading 1` as a name is in every one.
fn styles(xml: &str) -> Result<HashMap<String, Style>, BadDocument> {
    let mut styles = HashMap::new();
    let mut id = String::new();
    let mut style = Style::default();
    let mut number = (None, 0);
    walk(xml, |node| {
        match node {
            Node::Open(b"style", open) => {
                id = attribute(open, b"styleId").unwrap_or_default();
                style = Style::default();
                number = (None, 0);
            }
            Node::Open(b"name", open) => {
                let name = attribute(open, b"val").unwrap_or_default().to_lowercase();
                if name == "title" {
                    style.heading = Some(1);
                } else if let Some(level) = name.strip_prefix("heading ") {
                    style.heading = level.parse().ok().filter(|level| (1..=9).contains(level));
                }
            }
            Node::Open(b"outlineLvl", open) => style.heading = outline(open).or(style.heading),
            Node::Open(b"basedOn", open) => style.based_on = attribute(open, b"val"),
            Node::Open(b"numId", open) => number.0 = attribute(open, b"val"),
            Node::Open(b"ilvl", open) => number.1 = level(open),
            Node::Close(b"style") => {
                style.list = number.0.take().map(|id| (id, number.1));
                styles.insert(std::mem::take(&mut id), std::mem::take(&mut style));
            }
            Node::Open(..) | Node::Close(_) | Node::Text(_) => {}
        }
        Ok(())
    })?;
    Ok(styles)
}

/// `outlineLvl` counts from 0; 9 is body text.
fn outline(open: &quick_xml::events::BytesStart<'_>) -> Option<usize> {
    let level: usize = attribute(open, b"val")?.parse().ok()?;
    (level < 9).then_some(level + 1)
}

fn level(open: &quick_xml::events::BytesStart<'_>) -> usize {
    attribute(open, b"val").and_then(|level| level.parse().ok()).unwrap_or(0).min(8)
}

/// Which levels of which lists are numbered; the others have bullets.
fn numbering(xml: &str) -> Result<HashMap<String, Vec<bool>>, BadDocument> {
    let mut abstracts: HashMap<String, Vec<bool>> = HashMap::new();
    let mut lists = HashMap::new();
    let (mut abstract_id, mut list_id, mut at) = (String::new(), None, 0);
    walk(xml, |node| {
        match node {
            Node::Open(b"abstractNum", open) => {
                abstract_id = attribute(open, b"abstractNumId").unwrap_or_default();
            }
            Node::Open(b"lvl", open) => {
                at = attribute(open, b"ilvl").and_then(|at| at.parse().ok()).unwrap_or(0).min(8);
            }
            Node::Open(b"numFmt", open) if list_id.is_none() => {
                let levels = abstracts.entry(abstract_id.clone()).or_insert_with(|| vec![false; 9]);
                let format = attribute(open, b"val").unwrap_or_default();
                levels[at] = !matches!(format.as_str(), "bullet" | "none");
            }
            Node::Open(b"num", open) => list_id = attribute(open, b"numId"),
            // In a list's own definition this names the abstract one.
            Node::Open(b"abstractNumId", open) => {
                let levels = attribute(open, b"val").and_then(|id| abstracts.get(&id).cloned());
                if let (Some(id), Some(levels)) = (list_id.clone(), levels) {
                    lists.insert(id, levels);
                }
            }
            Node::Close(b"num") => list_id = None,
            Node::Open(..) | Node::Close(_) | Node::Text(_) => {}
        }
        Ok(())
    })?;
    Ok(lists)
}

/// A paragraph while it is read.
#[derive(Default)]
struct Paragraph {
    words: String,
    style: String,
    heading: Option<usize>,
    list: Option<(String, usize)>,
    number: (Option<String>, usize),
}

/// A run of text: the main part, or notes.
struct Story<'a> {
    styles: &'a HashMap<String, Style>,
    lists: &'a HashMap<String, Vec<bool>>,
    text: &'a mut Text,
    /// How far each numbered list has come, level by level.
    counts: HashMap<String, [usize; 9]>,
}

impl Story<'_> {
    fn read(&mut self, xml: &str) -> Result<(), BadDocument> {
        // Text boxes put paragraphs into paragraphs, tables put tables into cells.
        let mut paragraphs: Vec<Paragraph> = Vec::new();
        let mut rows: Vec<Vec<String>> = Vec::new();
        let (mut in_text, mut in_properties, mut hidden, mut fallback) = (false, 0, false, 0);
        walk(xml, |node| {
            match node {
                // What older programs would show instead of the same thing.
                Node::Open(b"Fallback", _) => fallback += 1,
                Node::Close(b"Fallback") => fallback -= 1,
                _ if fallback > 0 => {}
                Node::Open(b"p", _) => paragraphs.push(Paragraph::default()),
                Node::Close(b"p") => {
                    let paragraph = paragraphs.pop().unwrap_or_default();
                    self.close(paragraph, rows.last_mut())?;
                }
                Node::Open(b"tr", _) => rows.push(Vec::new()),
                Node::Open(b"tc", _) => {
                    if let Some(row) = rows.last_mut() {
                        row.push(String::new());
                    }
                }
                Node::Close(b"tr") => {
                    let row = rows.pop().unwrap_or_default();
                    if row.iter().any(|cell| !cell.is_empty()) {
                        match rows.last_mut().and_then(|outer| outer.last_mut()) {
                            Some(outer) => add(outer, &row.join(", ")),
                            None => self.text.block(&row.join(" | "), Block::Row)?,
                        }
                    }
                }
                Node::Open(b"pPr", _) => in_properties += 1,
                Node::Close(b"pPr") => in_properties -= 1,
                Node::Open(b"r", _) => hidden = false,
                Node::Open(b"vanish", open) if in_properties == 0 => {
                    let off = attribute(open, b"val");
                    hidden = !matches!(off.as_deref(), Some("0" | "false" | "off"));
                }
                Node::Open(b"t", _) => in_text = true,
                Node::Close(b"t") => in_text = false,
                node => {
                    if let Some(paragraph) = paragraphs.last_mut() {
                        paragraph.take(&node, in_text && !hidden, in_properties > 0);
                    }
                }
            }
            Ok(())
        })
    }

    fn close(
        &mut self,
        mut paragraph: Paragraph,
        row: Option<&mut Vec<String>>,
    ) -> Result<(), BadDocument> {
        let words = paragraph.words.trim().to_owned();
        if words.is_empty() {
            return Ok(());
        }
        if let Some(cell) = row.and_then(|row| row.last_mut()) {
            add(cell, &words.replace('\n', " "));
            return Ok(());
        }
        paragraph.list = paragraph.number.0.take().map(|id| (id, paragraph.number.1));
        // A style takes from the one it is based on; a ring of them ends after a few.
        let mut style = self.styles.get(&paragraph.style);
        for _ in 0..16 {
            let Some(found) = style else { break };
            paragraph.heading = paragraph.heading.or(found.heading);
            paragraph.list = paragraph.list.or_else(|| found.list.clone());
            style = found.based_on.as_ref().and_then(|id| self.styles.get(id));
        }
        if let Some(level) = paragraph.heading {
            let line = words.replace('\n', " ");
            return self
                .text
                .block(&format!("{} {line}", "#".repeat(level.min(6))), Block::Paragraph);
        }
        // The list 0 takes a paragraph out of its style's list (17.9.18).
        if let Some((id, level)) = paragraph.list.filter(|(id, _)| id != "0") {
            let mark = self.mark(&id, level);
            let line = format!("{}{mark} {}", "  ".repeat(level), words.replace('\n', " "));
            return self.text.block(&line, Block::Item);
        }
        self.text.block(&words, Block::Paragraph)
    }

    fn mark(&mut self, id: &str, level: usize) -> String {
        if !self.lists.get(id).is_some_and(|levels| levels[level]) {
            return "-".to_owned();
        }
        let counts = self.counts.entry(id.to_owned()).or_default();
        counts[level] += 1;
        counts[level + 1..].fill(0);
        format!("{}.", counts[level])
    }
}

impl Paragraph {
    fn take(&mut self, node: &Node<'_>, shown: bool, in_properties: bool) {
        match node {
            Node::Text(words) if shown => self.words.push_str(words),
            Node::Open(b"tab", _) if !in_properties => self.words.push(' '),
            Node::Open(b"br" | b"cr", _) => self.words.push('\n'),
            Node::Open(b"noBreakHyphen", _) => self.words.push('-'),
            Node::Open(b"pStyle", open) => self.style = attribute(open, b"val").unwrap_or_default(),
            Node::Open(b"outlineLvl", open) => self.heading = outline(open),
            Node::Open(b"numId", open) => self.number.0 = attribute(open, b"val"),
            Node::Open(b"ilvl", open) => self.number.1 = level(open),
            Node::Open(..) | Node::Close(_) | Node::Text(_) => {}
        }
    }
}

/// Several paragraphs of a cell are one line.
fn add(cell: &mut String, words: &str) {
    if !cell.is_empty() {
        cell.push(' ');
    }
    cell.push_str(words);
}
