//! One thing under the other: cover strip, headings, text, cards; then headers and footers.

use super::face::{Weight, clean, fit, shrink, width, wrap};
use super::sheet::{
    BAD, BOTTOM, Bookmark, Colour, DEEP, GOOD, HEIGHT, INK, INNER, MARGIN, MUTED, PALE, Part, RULE,
    Sheet, WASH, WHITE, WIDTH,
};
use super::{chart, table};
use crate::report::{Block, Direction, Figure, Report, ReportError};

const BODY: f32 = 9.5;
const LEADING: f32 = 13.5;
const CARDS_IN_A_ROW: usize = 4;
const CARD_HEIGHT: f32 = 72.0;
const CARD_GAP: f32 = 10.0;

pub(super) fn lay_out(report: &Report, sheet: &mut Sheet) -> Result<(), ReportError> {
    cover(report, sheet);
    for section in &report.sections {
        heading(sheet, 2, &section.heading, below(section.blocks.first()))?;
        for (at, block) in section.blocks.iter().enumerate() {
            match block {
                Block::Heading(text) => {
                    heading(sheet, 3, text, below(section.blocks.get(at + 1)))?;
                }
                Block::Paragraph(text) => paragraph(sheet, text)?,
                Block::Figures(figures) => cards(sheet, figures)?,
                Block::Table(rows) => table::lay_out(sheet, rows, report.language)?,
                Block::Chart(data) => chart::lay_out(sheet, data, report.language)?,
            }
        }
        sheet.y += 8.0;
    }
    frame(report, sheet);
    Ok(())
}

/// What a heading keeps with it, so that it does not stand alone at a page's end.
fn below(block: Option<&Block>) -> f32 {
    match block {
        None => 0.0,
        Some(Block::Heading(_)) => 70.0,
        Some(Block::Paragraph(_)) => 2.0 * LEADING,
        Some(Block::Figures(_)) => CARD_HEIGHT,
        Some(Block::Table(_)) => table::LEAST_HEIGHT,
        Some(Block::Chart(data)) => chart::height(data),
    }
}

/// A document has a title: where the report has none, the language's word for one.
pub(super) fn title(report: &Report) -> String {
    let title = clean(&report.title);
    if title.trim().is_empty() { report.language.report().to_owned() } else { title }
}

/// The dark strip with which the first page begins.
fn cover(report: &Report, sheet: &mut Sheet) {
    let title = title(report);
    let lines = wrap(&title, Weight::SemiBold, 22.0, INNER);
    // A title is a line or two; what a longer one says goes on in the PDF's metadata.
    let shown = lines.len().min(3);
    #[expect(clippy::cast_precision_loss, reason = "three lines at most")]
    let height = 92.0 + 27.0 * shown as f32;
    sheet.bar(0.0, 0.0, WIDTH, height, DEEP);

    let business = fit(&clean(&report.business), Weight::SemiBold, 10.0, INNER);
    let part = sheet.part(Part::Paragraph, None);
    sheet.text(Some(part), (MARGIN, 40.0), business, (Weight::SemiBold, 10.0, PALE));
    let part = sheet.part(Part::Heading { level: 1, text: title.clone() }, None);
    sheet.y = 68.0;
    for line in lines.into_iter().take(shown) {
        sheet.text(Some(part), (MARGIN, sheet.y), line, (Weight::SemiBold, 22.0, WHITE));
        sheet.y += 27.0;
    }
    let period = fit(&clean(&report.period), Weight::Regular, 10.5, INNER);
    let part = sheet.part(Part::Paragraph, None);
    sheet.text(Some(part), (MARGIN, sheet.y), period, (Weight::Regular, 10.5, WHITE));
    sheet.bookmarks.push(Bookmark { text: title, page: 0, y: 0.0 });
    sheet.y = height + 22.0;
}

fn heading(sheet: &mut Sheet, level: u16, text: &str, keep: f32) -> Result<(), ReportError> {
    let text = clean(text);
    if text.trim().is_empty() {
        return Ok(());
    }
    let (size, leading, before, after) =
        if level == 2 { (15.0, 19.0, 14.0, 9.0) } else { (11.0, 14.0, 8.0, 5.0) };
    let lines = wrap(&text, Weight::SemiBold, size, INNER);
    #[expect(clippy::cast_precision_loss, reason = "lines of a heading")]
    let height = leading * lines.len() as f32 + after;
    sheet.need((before + height + keep).min(Sheet::whole()))?;
    sheet.y += before;
    if level == 2 {
        sheet.bookmarks.push(Bookmark {
            text: text.clone(),
            page: sheet.pages.len() - 1,
            y: sheet.y,
        });
    }
    let part = sheet.part(Part::Heading { level, text }, None);
    for line in lines {
        if sheet.left() < leading {
            sheet.break_page()?;
        }
        sheet.y += leading;
        let baseline = sheet.y - leading * 0.25;
        let colour = if level == 2 { DEEP } else { INK };
        sheet.text(Some(part), (MARGIN, baseline), line, (Weight::SemiBold, size, colour));
    }
    if level == 2 {
        sheet.bar(MARGIN, sheet.y + 1.5, INNER, 0.8, RULE);
    }
    sheet.y += after;
    Ok(())
}

fn paragraph(sheet: &mut Sheet, text: &str) -> Result<(), ReportError> {
    let part = sheet.part(Part::Paragraph, None);
    let lines = wrap(&clean(text), Weight::Regular, BODY, INNER);
    let count = lines.len();
    for (at, line) in lines.into_iter().enumerate() {
        // No single first line below, no single last line above.
        let together = if count > 2 && (at == 0 || at == count - 2) { 2.0 } else { 1.0 };
        if sheet.left() < together * LEADING {
            sheet.break_page()?;
        }
        sheet.y += LEADING;
        sheet.text(Some(part), (MARGIN, sheet.y - 3.5), line, (Weight::Regular, BODY, INK));
    }
    sheet.y += 7.0;
    Ok(())
}

fn cards(sheet: &mut Sheet, figures: &[Figure]) -> Result<(), ReportError> {
    let list = sheet.part(Part::List, None);
    for row in figures.chunks(CARDS_IN_A_ROW) {
        sheet.need(CARD_HEIGHT)?;
        #[expect(clippy::cast_precision_loss, reason = "four cards at most")]
        let wide = (INNER - CARD_GAP * (CARDS_IN_A_ROW - 1) as f32) / CARDS_IN_A_ROW as f32;
        let y = sheet.y;
        let mut x = MARGIN;
        for figure in row {
            let item = sheet.part(Part::Item, Some(list));
            let part = sheet.part(Part::Paragraph, Some(item));
            card(sheet, figure, (x, y), wide, part);
            x += wide + CARD_GAP;
        }
        sheet.y += CARD_HEIGHT + CARD_GAP;
    }
    sheet.y += 2.0;
    Ok(())
}

fn card(
    sheet: &mut Sheet,
    figure: &Figure,
    (x, y): (f32, f32),
    wide: f32,
    part: super::sheet::PartId,
) {
    let pad = 10.0;
    let room = wide - 2.0 * pad;
    sheet.bar(x, y, wide, CARD_HEIGHT, WASH);
    sheet.bar(x, y, 2.5, CARD_HEIGHT, DEEP);
    let label = clean(&figure.label);
    let lines = wrap(&label, Weight::Regular, 8.0, room);
    if let [line] = &lines[..] {
        let place = (x + pad, y + 17.0);
        sheet.text(Some(part), place, line.clone(), (Weight::Regular, 8.0, MUTED));
    } else {
        let first = lines[0].clone();
        let rest = fit(&lines[1..].concat(), Weight::Regular, 7.5, room);
        sheet.text(Some(part), (x + pad, y + 12.5), first, (Weight::Regular, 7.5, MUTED));
        sheet.text(Some(part), (x + pad, y + 21.0), rest, (Weight::Regular, 7.5, MUTED));
    }
    let value = clean(&figure.value);
    let size = shrink(&value, Weight::SemiBold, 19.0, 9.0, room);
    let value = fit(&value, Weight::SemiBold, size, room);
    sheet.text(Some(part), (x + pad, y + 41.0), value, (Weight::SemiBold, size, INK));

    let mut at = x + pad;
    if let Some(change) = &figure.change {
        let (arrow, colour): (&str, Colour) = match (change.direction, change.good) {
            (Direction::Up, true) => ("▲ ", GOOD),
            (Direction::Up, false) => ("▲ ", BAD),
            (Direction::Down, true) => ("▼ ", GOOD),
            (Direction::Down, false) => ("▼ ", BAD),
            (Direction::Same, _) => ("= ", MUTED),
        };
        let text = format!("{arrow}{}", clean(&change.text));
        let text = fit(&text, Weight::SemiBold, 7.5, room);
        let used = width(&text, Weight::SemiBold, 7.5);
        sheet.text(Some(part), (at, y + 54.0), text, (Weight::SemiBold, 7.5, colour));
        at += used + 5.0;
    }
    if let Some(note) = &figure.note {
        let note = clean(note);
        let beside = x + wide - pad - at;
        // Beside the change where it fits, else below.
        let (at, baseline, room) = if width(&note, Weight::Regular, 7.5) <= beside {
            (at, y + 54.0, beside)
        } else {
            (x + pad, y + 64.0, room)
        };
        let note = fit(&note, Weight::Regular, 7.5, room);
        sheet.text(Some(part), (at, baseline), note, (Weight::Regular, 7.5, MUTED));
    }
}

/// What stands at the head and foot of every page, now that their number is known.
fn frame(report: &Report, sheet: &mut Sheet) {
    let of = sheet.pages.len();
    let about = [clean(&report.business), clean(&report.title)];
    let about: Vec<&str> =
        about.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    let about = about.join(" · ");
    let period = fit(&clean(&report.period), Weight::Regular, 8.0, INNER * 0.45);
    let generated = fit(&clean(&report.generated_at), Weight::Regular, 8.0, INNER * 0.7);
    let small = |x: f32, baseline: f32, text: String| {
        (
            None,
            super::sheet::Drawn::Text {
                x,
                baseline,
                text,
                weight: Weight::Regular,
                size: 8.0,
                colour: MUTED,
            },
        )
    };
    let rule = |y: f32| {
        (None, super::sheet::Drawn::Box { x: MARGIN, y, width: INNER, height: 0.6, colour: RULE })
    };
    let right = |text: &str| WIDTH - MARGIN - width(text, Weight::Regular, 8.0);
    for (at, page) in sheet.pages.iter_mut().enumerate() {
        if at > 0 {
            let room = INNER - width(&period, Weight::Regular, 8.0) - 16.0;
            page.push(small(MARGIN, 44.0, fit(&about, Weight::Regular, 8.0, room)));
            page.push(small(right(&period), 44.0, period.clone()));
            page.push(rule(51.0));
        }
        page.push(rule(BOTTOM + 16.0));
        page.push(small(MARGIN, HEIGHT - 29.0, generated.clone()));
        let number = report.language.page(at + 1, of);
        page.push(small(right(&number), HEIGHT - 29.0, number));
    }
}
