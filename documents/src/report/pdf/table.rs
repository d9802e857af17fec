//! Tables over pages: columns share the width by what stands in them, the head comes back on each
//! page, a row stays whole unless it is taller than a page.

use super::face::{Weight, clean, width, wrap};
use super::sheet::{DEEP, INK, INNER, MARGIN, MUTED, Part, PartId, RULE, Sheet, WASH};
use crate::report::{Align, Cell, Language, ReportError, Table};

const SIZE: f32 = 8.5;
const LEADING: f32 = 11.5;
const PAD_X: f32 = 5.0;
const PAD_Y: f32 = 3.5;
/// Room for a title, the head and a first row of two lines.
pub(super) const LEAST_HEIGHT: f32 = 72.0;
pub(super) fn lay_out(
    sheet: &mut Sheet,
    table: &Table,
    language: Language,
) -> Result<(), ReportError> {
    table.check()?;
    let title = clean(&table.title);
    let titled = if title.is_empty() { 0.0 } else { 18.0 };
    sheet.need(titled + LEAST_HEIGHT)?;
    if !title.is_empty() {
        let part = sheet.part(Part::Paragraph, None);
        sheet.y += 13.0;
        let lines = wrap(&title, Weight::SemiBold, 10.0, INNER);
        for (at, line) in lines.into_iter().enumerate() {
            if at > 0 {
                sheet.y += 13.0;
            }
            sheet.text(Some(part), (MARGIN, sheet.y), line, (Weight::SemiBold, 10.0, INK));
        }
        sheet.y += 6.0;
    }

    let names: Vec<String> = table.columns.iter().map(|column| clean(&column.name)).collect();
    let shown = |row: &Vec<Cell>| -> Vec<String> {
        row.iter().map(|cell| clean(&language.cell(cell))).collect()
    };
    let rows: Vec<Vec<String>> = table.rows.iter().map(shown).collect();
    let total: Option<Vec<String>> = table.total.as_ref().map(shown);
    let widths = share(&names, &rows, total.as_deref());
    let whole = sheet.part(Part::Table { says: title.clone() }, None);
    let mut grid = Grid { table, widths, whole, title, language };

    let head = grid.wrapped(&names, Weight::SemiBold);
    grid.head(sheet, &head, Some(whole));
    if rows.is_empty() {
        let row = sheet.part(Part::Row, Some(whole));
        let part = sheet.part(Part::Cell, Some(row));
        sheet.y += LEADING + PAD_Y;
        let at = (MARGIN + PAD_X, sheet.y - 2.0);
        sheet.text(Some(part), at, language.no_data(), (Weight::Regular, SIZE, MUTED));
        sheet.y += PAD_Y;
    }
    for (at, row) in rows.iter().enumerate() {
        let cells = grid.wrapped(row, Weight::Regular);
        grid.row(sheet, &head, cells, Weight::Regular, at % 2 == 1)?;
    }
    if let Some(total) = total {
        let cells = grid.wrapped(&total, Weight::SemiBold);
        grid.row(sheet, &head, cells, Weight::SemiBold, false)?;
    }
    sheet.bar(MARGIN, sheet.y, INNER, 0.8, RULE);
    sheet.y += 14.0;
    Ok(())
}

/// A cell's lines, column by column.
type Lines = Vec<Vec<String>>;

struct Grid<'a> {
    table: &'a Table,
    widths: Vec<f32>,
    whole: PartId,
    title: String,
    language: Language,
}

impl Grid<'_> {
    fn wrapped(&self, cells: &[String], weight: Weight) -> Lines {
        let columns = cells.iter().zip(&self.widths);
        columns.map(|(cell, wide)| wrap(cell, weight, SIZE, wide - 2.0 * PAD_X)).collect()
    }

    /// Draws the head here. On later pages it is decoration: it was read out already.
    fn head(&mut self, sheet: &mut Sheet, head: &Lines, whole: Option<PartId>) {
        let lines = deepest(head);
        let height = tall(lines);
        sheet.bar(MARGIN, sheet.y, INNER, height, WASH);
        let row = whole.map(|whole| sheet.part(Part::Row, Some(whole)));
        let parts: Vec<Option<PartId>> =
            head.iter().map(|_| row.map(|row| sheet.part(Part::Header, Some(row)))).collect();
        self.lines(sheet, head, (Weight::SemiBold, DEEP), &parts, lines);
        sheet.y += height;
        sheet.bar(MARGIN, sheet.y - 0.5, INNER, 1.0, DEEP);
    }

    fn again(&mut self, sheet: &mut Sheet, head: &Lines) -> Result<(), ReportError> {
        sheet.break_page()?;
        if !self.title.is_empty() {
            sheet.y += 10.0;
            let text = format!("{} ({})", self.title, self.language.continued());
            let text = super::face::fit(&text, Weight::Regular, 8.0, INNER);
            sheet.text(None, (MARGIN, sheet.y), text, (Weight::Regular, 8.0, MUTED));
            sheet.y += 5.0;
        }
        self.head(sheet, head, None);
        Ok(())
    }

    fn row(
        &mut self,
        sheet: &mut Sheet,
        head: &Lines,
        mut cells: Lines,
        weight: Weight,
        shaded: bool,
    ) -> Result<(), ReportError> {
        let row = sheet.part(Part::Row, Some(self.whole));
        let parts: Vec<Option<PartId>> =
            cells.iter().map(|_| Some(sheet.part(Part::Cell, Some(row)))).collect();
        // The page has room for the head and for this at least.
        let page = Sheet::whole() - tall(deepest(head)) - 16.0;
        loop {
            let lines = deepest(&cells);
            if tall(lines) > sheet.left() && (tall(lines) <= page || sheet.left() < tall(3)) {
                self.again(sheet, head)?;
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a page's lines, not below one"
            )]
            let room = ((sheet.left() - 2.0 * PAD_Y) / LEADING).max(1.0) as usize;
            let now = lines.min(room);
            let height = tall(now);
            if shaded {
                sheet.bar(MARGIN, sheet.y, INNER, height, WASH);
            }
            if weight == Weight::SemiBold {
                sheet.bar(MARGIN, sheet.y, INNER, 0.8, DEEP);
            }
            self.lines(sheet, &cells, (weight, INK), &parts, now);
            sheet.y += height;
            if now == lines {
                return Ok(());
            }
            for cell in &mut cells {
                cell.drain(..now.min(cell.len()));
            }
        }
    }

    fn lines(
        &self,
        sheet: &mut Sheet,
        cells: &Lines,
        (weight, colour): (Weight, [u8; 3]),
        parts: &[Option<PartId>],
        most: usize,
    ) {
        let mut x = MARGIN;
        for (((cell, wide), column), part) in
            cells.iter().zip(&self.widths).zip(&self.table.columns).zip(parts)
        {
            let mut baseline = sheet.y + PAD_Y + 8.5;
            for line in cell.iter().take(most) {
                let used = width(line.trim_end(), weight, SIZE);
                let left = match column.align {
                    Align::Left => x + PAD_X,
                    Align::Right => x + wide - PAD_X - used,
                    Align::Centre => x + (wide - used) / 2.0,
                };
                if !line.is_empty() {
                    sheet.text(*part, (left, baseline), line.clone(), (weight, SIZE, colour));
                }
                baseline += LEADING;
            }
            x += wide;
        }
    }
}

fn deepest(cells: &Lines) -> usize {
    cells.iter().map(Vec::len).max().unwrap_or(1).max(1)
}

#[expect(clippy::cast_precision_loss, reason = "lines of a row")]
fn tall(lines: usize) -> f32 {
    LEADING * lines as f32 + 2.0 * PAD_Y
}

/// Shares the width: each column gets its longest word, what is left goes by how long the text is.
fn share(names: &[String], rows: &[Vec<String>], total: Option<&[String]>) -> Vec<f32> {
    let mut word = vec![0_f32; names.len()];
    let mut line = vec![0_f32; names.len()];
    let mut see = |at: usize, text: &str, weight: Weight| {
        for piece in text.split('\n') {
            line[at] = line[at].max(width(piece, weight, SIZE) + 2.0 * PAD_X + 0.5);
        }
        for piece in text.split([' ', '\n']) {
            word[at] = word[at].max(width(piece, weight, SIZE) + 2.0 * PAD_X + 0.5);
        }
    };
    for (at, name) in names.iter().enumerate().chain(total.into_iter().flatten().enumerate()) {
        see(at, name, Weight::SemiBold);
    }
    // Every row would be measured twice; the first thousand tell.
    for row in rows.iter().take(1000) {
        for (at, cell) in row.iter().enumerate() {
            see(at, cell, Weight::Regular);
        }
    }
    let all: f32 = line.iter().sum();
    if all <= INNER {
        // There is room: the first column of words takes what is over, or all of them a part.
        let over = INNER - all;
        return line.iter().map(|wide| wide + over * wide / all).collect();
    }
    #[expect(clippy::cast_precision_loss, reason = "twelve columns at most")]
    let fair = INNER / names.len() as f32;
    // A word of several lines' length does not starve the other columns.
    let mut least: Vec<f32> = word.iter().map(|wide| wide.min(fair)).collect();
    // What is left goes to all alike, and no column gets more than it can use: short ones stay on
    // one line, the long ones share the rest.
    let mut over = INNER - least.iter().sum::<f32>();
    loop {
        #[expect(clippy::cast_precision_loss, reason = "twelve columns at most")]
        let wanting = line.iter().zip(&least).filter(|(line, has)| **line > **has).count() as f32;
        if over < 0.1 || wanting == 0.0 {
            return least;
        }
        let each = over / wanting;
        for (line, has) in line.iter().zip(&mut least) {
            let more = (line - *has).clamp(0.0, each);
            *has += more;
            over -= more;
        }
    }
}
