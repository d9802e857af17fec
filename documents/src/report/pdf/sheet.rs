//! Pages as lists of what is drawn on them, and the reading order for those who do not see them.
//!
//! Layout fills the lists before anything is written, because the first page's footer already needs
//! to know how many pages there are.

use krilla::tagging::{ListNumbering, TableHeaderScope};

use super::face::Weight;
use crate::report::{MOST_PAGES, ReportError};

/// A4, in points.
pub(super) const WIDTH: f32 = 595.28;
pub(super) const HEIGHT: f32 = 841.89;
pub(super) const MARGIN: f32 = 48.0;
/// What text and tables have.
pub(super) const INNER: f32 = WIDTH - 2.0 * MARGIN;
/// Where the body ends; the footer is below.
pub(super) const BOTTOM: f32 = HEIGHT - 58.0;
/// Where the body of a later page begins; its header is above.
const TOP: f32 = 74.0;

/// Red, green, blue.
pub(super) type Colour = [u8; 3];
pub(super) const INK: Colour = [28, 36, 46];
pub(super) const MUTED: Colour = [92, 102, 114];
pub(super) const RULE: Colour = [205, 211, 218];
pub(super) const WASH: Colour = [244, 246, 248];
pub(super) const DEEP: Colour = [23, 50, 77];
pub(super) const PALE: Colour = [196, 210, 224];
pub(super) const WHITE: Colour = [255, 255, 255];
pub(super) const GOOD: Colour = [28, 122, 84];
pub(super) const BAD: Colour = [163, 38, 48];

/// Something on a page, in points from its upper left corner.
pub(super) enum Drawn {
    Text { x: f32, baseline: f32, text: String, weight: Weight, size: f32, colour: Colour },
    Box { x: f32, y: f32, width: f32, height: f32, colour: Colour },
    Chart { x: f32, y: f32, width: f32, height: f32, svg: String },
}

/// What a thing is for a screen reader. Things without a part are decoration.
pub(super) enum Part {
    Heading { level: u16, text: String },
    Paragraph,
    Figure { says: String },
    Table { says: String },
    Row,
    Header,
    Cell,
    List,
    Item,
}

impl Part {
    pub(super) fn tag(&self) -> krilla::tagging::TagKind {
        use krilla::tagging::Tag;
        match self {
            Self::Heading { level, text } => {
                let level = std::num::NonZeroU16::new(*level).unwrap_or(std::num::NonZeroU16::MIN);
                Tag::Hn(level, Some(text.clone())).into()
            }
            Self::Paragraph => Tag::P.into(),
            Self::Figure { says } => Tag::Figure(Some(says.clone())).into(),
            Self::Table { says } => Tag::Table.with_summary(Some(says.clone())).into(),
            Self::Row => Tag::TR.into(),
            Self::Header => Tag::TH(TableHeaderScope::Column).into(),
            Self::Cell => Tag::TD.into(),
            Self::List => Tag::L(ListNumbering::None).into(),
            Self::Item => Tag::LI.into(),
        }
    }
}

/// A part's place in [`Sheet::parts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartId(pub(super) usize);

/// An entry of the outline.
pub(super) struct Bookmark {
    pub(super) text: String,
    pub(super) page: usize,
    pub(super) y: f32,
}

/// All pages while they are laid out.
pub(super) struct Sheet {
    pub(super) pages: Vec<Vec<(Option<PartId>, Drawn)>>,
    /// Each part, and the part it belongs to; in reading order.
    pub(super) parts: Vec<(Part, Option<PartId>)>,
    pub(super) bookmarks: Vec<Bookmark>,
    /// Where the next thing goes, on the last page.
    pub(super) y: f32,
}

impl Sheet {
    pub(super) fn new() -> Self {
        Self { pages: vec![Vec::new()], parts: Vec::new(), bookmarks: Vec::new(), y: TOP }
    }

    pub(super) fn part(&mut self, part: Part, parent: Option<PartId>) -> PartId {
        self.parts.push((part, parent));
        PartId(self.parts.len() - 1)
    }

    /// How much is left of this page.
    pub(super) fn left(&self) -> f32 {
        BOTTOM - self.y
    }

    /// A whole page's body.
    pub(super) fn whole() -> f32 {
        BOTTOM - TOP
    }

    /// # Errors
    /// When the report has grown past [`MOST_PAGES`].
    pub(super) fn break_page(&mut self) -> Result<(), ReportError> {
        if self.pages.len() == MOST_PAGES {
            return Err(ReportError::TooLong);
        }
        self.pages.push(Vec::new());
        self.y = TOP;
        Ok(())
    }

    /// Goes to a new page unless this one has room.
    pub(super) fn need(&mut self, height: f32) -> Result<(), ReportError> {
        if height > self.left() && self.y > TOP { self.break_page() } else { Ok(()) }
    }

    pub(super) fn draw(&mut self, part: Option<PartId>, drawn: Drawn) {
        let page = self.pages.len() - 1;
        self.pages[page].push((part, drawn));
    }

    pub(super) fn bar(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Colour) {
        self.draw(None, Drawn::Box { x, y, width, height, colour });
    }

    pub(super) fn text(
        &mut self,
        part: Option<PartId>,
        (x, baseline): (f32, f32),
        text: impl Into<String>,
        (weight, size, colour): (Weight, f32, Colour),
    ) {
        self.draw(part, Drawn::Text { x, baseline, text: text.into(), weight, size, colour });
    }
}
