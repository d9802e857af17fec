//! The one typeface, its widths, and lines of text that fit.
//!
//! Inter in two weights, cut down to Latin and Cyrillic (`fonts/subset.py`), lies in the binary: the
//! machine's fonts are never asked, so pages are the same everywhere.

use std::sync::{Arc, LazyLock};

use unicode_normalization::UnicodeNormalization;

pub(super) static REGULAR: &[u8] = include_bytes!("../../../fonts/Inter-Regular.ttf");
pub(super) static SEMI_BOLD: &[u8] = include_bytes!("../../../fonts/Inter-SemiBold.ttf");

/// The family's name inside the files, which charts ask for.
pub(super) const FAMILY: &str = "Inter";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    SemiBold,
}

static FACES: LazyLock<[rustybuzz::Face<'static>; 2]> = LazyLock::new(|| {
    [REGULAR, SEMI_BOLD]
        .map(|data| rustybuzz::Face::from_slice(data, 0).expect("the embedded face is sound"))
});

/// For charts, which are drawn from SVG text.
pub(super) static FONTS: LazyLock<Arc<usvg::fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(REGULAR.to_vec());
    fonts.load_font_data(SEMI_BOLD.to_vec());
    fonts.set_sans_serif_family(FAMILY);
    Arc::new(fonts)
});

fn face(weight: Weight) -> &'static rustybuzz::Face<'static> {
    match weight {
        Weight::Regular => &FACES[0],
        Weight::SemiBold => &FACES[1],
    }
}

/// Text that the face can show: composed, without controls, unknown characters as a box.
pub(super) fn clean(text: &str) -> String {
    let known = face(Weight::Regular);
    text.nfc()
        .filter_map(|letter| match letter {
            '\n' => Some('\n'),
            '\t' => Some(' '),
            // Thin and narrow spaces that the face lacks; invisible joiners and marks of direction.
            '\u{2000}'..='\u{200a}' | '\u{202f}' => Some('\u{a0}'),
            '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{ad}' => None,
            letter if letter.is_control() => None,
            letter if known.glyph_index(letter).is_some() => Some(letter),
            _ => Some('□'),
        })
        .collect()
}

/// How the face shapes each script. Making a plan costs more than using it.
static PLANS: LazyLock<[[rustybuzz::ShapePlan; 2]; 2]> = LazyLock::new(|| {
    [Weight::Regular, Weight::SemiBold].map(|weight| {
        [rustybuzz::script::LATIN, rustybuzz::script::CYRILLIC].map(|script| {
            let along = rustybuzz::Direction::LeftToRight;
            rustybuzz::ShapePlan::new(face(weight), along, Some(script), None, &[])
        })
    })
});

/// How wide the text is when it is drawn in this size, in points.
pub(super) fn width(text: &str, weight: Weight, size: f32) -> f32 {
    let face = face(weight);
    let mut buffer = rustybuzz::UnicodeBuffer::new();
    buffer.push_str(text);
    buffer.guess_segment_properties();
    let cyrillic = buffer.script() == rustybuzz::script::CYRILLIC;
    buffer.set_direction(rustybuzz::Direction::LeftToRight);
    buffer.set_script(if cyrillic {
        rustybuzz::script::CYRILLIC
    } else {
        rustybuzz::script::LATIN
    });
    let plan = &PLANS[usize::from(weight == Weight::SemiBold)][usize::from(cyrillic)];
    let shaped = rustybuzz::shape_with_plan(face, plan, buffer);
    let units: i32 = shaped.glyph_positions().iter().map(|glyph| glyph.x_advance).sum();
    #[expect(clippy::cast_precision_loss, reason = "font units of one line")]
    let units = units as f32;
    #[expect(clippy::cast_precision_loss, reason = "2048")]
    let per_em = face.units_per_em() as f32;
    units / per_em * size
}

/// Lines no wider than `most`. Words that are wider are broken; line breaks are kept. Never empty.
///
/// A line that a word's end closes keeps its space, so that selected text reads as it was written.
pub(super) fn wrap(text: &str, weight: Weight, size: f32, most: f32) -> Vec<String> {
    let space = width(" ", weight, size);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        let mut about = 0.0;
        for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
            let wide = width(word, weight, size);
            if !line.is_empty() {
                let before = line.len();
                line.push(' ');
                line.push_str(word);
                about += space + wide;
                // Measured as a whole where it is close: kerning across spaces counts.
                if about <= most * 0.9 || width(&line, weight, size) <= most {
                    continue;
                }
                line.truncate(before + 1);
                lines.push(std::mem::take(&mut line));
            }
            if wide <= most {
                line.push_str(word);
                about = wide;
                continue;
            }
            let mut pieces = broken(word, weight, size, most);
            line = pieces.pop().unwrap_or_default();
            about = width(&line, weight, size);
            lines.append(&mut pieces);
        }
        lines.push(line);
    }
    lines
}

/// A word cut into pieces that fit; at least a letter in each, so that it ends.
fn broken(word: &str, weight: Weight, size: f32, most: f32) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut used = 0.0;
    let mut letter_text = [0; 4];
    for letter in word.chars() {
        let wide = width(letter.encode_utf8(&mut letter_text), weight, size);
        if !piece.is_empty() && used + wide > most {
            pieces.push(std::mem::take(&mut piece));
            used = 0.0;
        }
        piece.push(letter);
        used += wide;
    }
    pieces.push(piece);
    pieces
}

/// The text in one line, its end replaced by an ellipsis where it is too wide.
pub(super) fn fit(text: &str, weight: Weight, size: f32, most: f32) -> String {
    let line = text.replace('\n', " ");
    if width(&line, weight, size) <= most {
        return line;
    }
    let room = most - width("…", weight, size);
    let mut pieces = broken(&line, weight, size, room.max(1.0));
    let mut start = pieces.swap_remove(0);
    start.truncate(start.trim_end().len());
    start.push('…');
    start
}

/// The largest of the sizes from `size` down to `least` in which the text fits.
pub(super) fn shrink(text: &str, weight: Weight, size: f32, least: f32, most: f32) -> f32 {
    let wide = width(text, weight, size);
    if wide <= most { size } else { (size * most / wide).max(least) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_asked_and_nothing_is_lost() {
        let text = "Donaudampfschifffahrtsgesellschaftskapitän und Превысокомногорассмотрительствующий, 1 234 567";
        for most in [20.0, 47.0, 90.0, 400.0] {
            let lines = wrap(text, Weight::Regular, 9.0, most);
            for line in &lines {
                assert!(width(line.trim_end(), Weight::Regular, 9.0) <= most + 0.5, "{line}");
            }
            let squeeze = |text: &str| text.replace(' ', "");
            assert_eq!(squeeze(&lines.concat()), squeeze(text));
        }
    }

    #[test]
    fn digits_are_equally_wide() {
        assert!(
            (width("1111", Weight::Regular, 10.0) - width("0000", Weight::Regular, 10.0)).abs()
                < 0.01
        );
    }

    #[test]
    fn what_the_face_lacks_becomes_a_box_and_controls_vanish() {
        assert_eq!(clean("a\u{0}b 日 й\u{200b}"), "ab □ й");
        assert_eq!(clean("и\u{306}"), "й", "composed");
    }

    #[test]
    fn fitted_text_fits() {
        let fitted = fit("a rather long name of a category", Weight::Regular, 8.0, 60.0);
        assert!(fitted.ends_with('…') && width(&fitted, Weight::Regular, 8.0) <= 60.0);
        assert_eq!(fit("short", Weight::Regular, 8.0, 60.0), "short");
    }
}
