//! The laid out pages as PDF, with their structure, outline and metadata.

use krilla::SerializeSettings;
use krilla::color::rgb;
use krilla::configure::{Accessibility, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect, Size, Transform};
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::tagging::{Artifact, ContentTag, Identifier, Node, SpanTag, TagGroup, TagTree};
use krilla::text::{Font, TextDirection};
use krilla_svg::{SurfaceExt, SvgSettings};

use super::face::{FAMILY, FONTS, REGULAR, SEMI_BOLD, Weight, clean};
use super::flow;
use super::sheet::{Colour, Drawn, HEIGHT, PartId, Sheet, WIDTH};
use crate::report::{Report, ReportError};

pub(super) fn write(report: &Report, sheet: Sheet) -> Result<Vec<u8>, ReportError> {
    let faces = Faces::load()?;
    // ISO 14289-1, for people who have pages read to them; what would break it is an error here.
    let configuration = ConfigurationBuilder::new()
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| ReportError::Writing(format!("{error:?}")))?;
    let settings = SerializeSettings { configuration, ..SerializeSettings::default() };
    let mut document = krilla::Document::new_with(settings);
    let mut leaves: Vec<Vec<Identifier>> = sheet.parts.iter().map(|_| Vec::new()).collect();
    let size = PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| wrong("the page's size"))?;
    for page_list in &sheet.pages {
        let mut page = document.start_page_with(size.clone());
        let mut surface = page.surface();
        let mut rest = &page_list[..];
        while let Some((part, _)) = rest.first() {
            // What belongs to one part and stands together is marked together.
            let run = rest.iter().take_while(|(other, _)| other == part).count();
            let tag = match part {
                Some(_) => ContentTag::Span(SpanTag::empty()),
                None => ContentTag::Artifact(Artifact::default()),
            };
            let mark = surface.start_tagged(tag);
            for (_, drawn) in &rest[..run] {
                draw(&mut surface, drawn, &faces)?;
            }
            surface.end_tagged();
            if let Some(PartId(at)) = part {
                leaves[*at].push(mark);
            }
            rest = &rest[run..];
        }
        surface.finish();
        page.finish();
    }

    document.set_tag_tree(structure(&sheet, leaves, report.language.tag()));
    let mut outline = Outline::new();
    for mark in &sheet.bookmarks {
        let place = XyzDestination::new(mark.page, Point::from_xy(0.0, mark.y));
        outline.push_child(OutlineNode::new(mark.text.clone(), place));
    }
    document.set_outline(outline);
    document.set_metadata(
        Metadata::new()
            .title(flow::title(report))
            .description(clean(&report.period))
            .authors(vec![clean(&report.business)])
            .creator("Tandem".to_owned())
            .language(report.language.tag().to_owned())
            .text_direction(krilla::metadata::TextDirection::LeftToRight),
    );
    document.finish().map_err(|error| ReportError::Writing(format!("{error:?}")))
}

/// Parts as a tree. A part comes after the one it belongs to, so going backwards closes each.
fn structure(sheet: &Sheet, leaves: Vec<Vec<Identifier>>, language: &str) -> TagTree {
    let mut children: Vec<Vec<Node>> = sheet.parts.iter().map(|_| Vec::new()).collect();
    let mut top: Vec<Node> = Vec::new();
    for (at, leaves) in leaves.into_iter().enumerate().rev() {
        let (part, parent) = &sheet.parts[at];
        let mut group = TagGroup::new(part.tag());
        for leaf in leaves {
            group.push(leaf);
        }
        // They were gathered from the last to the first.
        for child in std::mem::take(&mut children[at]).into_iter().rev() {
            group.push(child);
        }
        match parent {
            Some(PartId(parent)) => children[*parent].push(group.into()),
            None => top.push(group.into()),
        }
    }
    let mut tree = TagTree::new().with_lang(Some(language.to_owned()));
    for node in top.into_iter().rev() {
        tree.push(node);
    }
    tree
}

struct Faces {
    regular: Font,
    semi_bold: Font,
}

impl Faces {
    fn load() -> Result<Self, ReportError> {
        let load = |data: &'static [u8]| {
            Font::new(data.to_vec().into(), 0).ok_or_else(|| wrong("the embedded face"))
        };
        Ok(Self { regular: load(REGULAR)?, semi_bold: load(SEMI_BOLD)? })
    }
}

fn draw(surface: &mut Surface<'_>, drawn: &Drawn, faces: &Faces) -> Result<(), ReportError> {
    match drawn {
        Drawn::Text { x, baseline, text, weight, size, colour } => {
            surface.set_fill(Some(fill(*colour)));
            let face = match weight {
                Weight::Regular => &faces.regular,
                Weight::SemiBold => &faces.semi_bold,
            };
            let start = Point::from_xy(*x, *baseline);
            surface.draw_text(start, face.clone(), *size, text, false, TextDirection::LeftToRight);
        }
        Drawn::Box { x, y, width, height, colour } => {
            surface.set_fill(Some(fill(*colour)));
            let shape = Rect::from_xywh(*x, *y, *width, *height).and_then(|rect| {
                let mut path = PathBuilder::new();
                path.push_rect(rect);
                path.finish()
            });
            surface.draw_path(&shape.ok_or_else(|| wrong("a box without an area"))?);
        }
        Drawn::Chart { x, y, width, height, svg } => {
            let options = usvg::Options {
                font_family: FAMILY.to_owned(),
                fontdb: FONTS.clone(),
                ..usvg::Options::default()
            };
            let tree = usvg::Tree::from_str(svg, &options)
                .map_err(|error| ReportError::Writing(format!("a chart: {error}")))?;
            let size = Size::from_wh(*width, *height).ok_or_else(|| wrong("a chart's size"))?;
            surface.push_transform(&Transform::from_translate(*x, *y));
            let shown = surface.draw_svg(&tree, size, SvgSettings::default());
            surface.pop();
            shown.ok_or_else(|| wrong("a chart's marks"))?;
        }
    }
    Ok(())
}

fn fill([red, green, blue]: Colour) -> Fill {
    Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::NonZero,
    }
}

fn wrong(what: &str) -> ReportError {
    ReportError::Writing(what.to_owned())
}
