//! Charts as data: categories along one side, series of values along the other.

use super::ReportError;

/// What can be told apart on paper.
const MOST_SERIES: usize = 6;
const MOST_PARTS: usize = 8;
const MOST_NAMED_BARS: usize = 24;
const MOST_POINTS: usize = 1000;

/// A chart. Every series has a value, or a gap, for every category.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    pub title: String,
    pub form: Form,
    /// What is measured, and its unit: "calls per day", "score, 0–100".
    pub measure: String,
    /// Decimals of the values that are written beside bars and parts.
    pub places: u8,
    pub categories: Vec<String>,
    pub series: Vec<Series>,
    /// The tones of a donut's parts, in the categories' order; none: the palette.
    pub tones: Vec<Tone>,
}

/// How values are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Upright bars of one series, or of several side by side: counts over time.
    #[default]
    Bars,
    /// Lying bars of one series, for categories with names: what triggered escalations.
    NamedBars,
    /// Upright bars on top of each other: parts of a count over time.
    StackedBars,
    /// Lines: a score or a rate over time. A gap interrupts its line.
    Lines,
    /// A ring of the first series' values: parts of one whole.
    Donut,
}

/// One row of values, in the order of the chart's categories.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    pub name: String,
    /// `None` where nothing was measured.
    pub values: Vec<Option<f64>>,
    pub tone: Tone,
}

/// Which colour is meant. All differ in lightness, too, so that grey print tells them apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// The next of the palette.
    #[default]
    Plain,
    Good,
    Neutral,
    Bad,
}

impl Series {
    pub fn new(name: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Self {
        Self {
            name: name.into(),
            values: values.into_iter().map(Some).collect(),
            tone: Tone::Plain,
        }
    }

    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

impl Chart {
    /// # Errors
    /// Names the chart and what about it cannot be drawn.
    pub(super) fn check(&self) -> Result<(), ReportError> {
        let wrong = |why: String| Err(ReportError::Chart { chart: self.title.clone(), why });
        let most = match self.form {
            Form::Bars | Form::StackedBars | Form::Lines => MOST_POINTS,
            Form::NamedBars => MOST_NAMED_BARS,
            Form::Donut => MOST_PARTS,
        };
        if self.categories.len() > most {
            return wrong(format!("has more than {most} categories"));
        }
        let series = match self.form {
            Form::Bars | Form::StackedBars | Form::Lines => MOST_SERIES,
            Form::NamedBars | Form::Donut => 1,
        };
        if self.series.len() > series {
            return wrong(format!("has more than {series} series"));
        }
        for series in &self.series {
            if series.values.len() != self.categories.len() {
                return wrong(format!(
                    "has {} values in \"{}\" and {} categories",
                    series.values.len(),
                    series.name,
                    self.categories.len()
                ));
            }
            if series.values.iter().flatten().any(|value| !value.is_finite() || value.abs() > 1e15)
            {
                return wrong(format!("has a value in \"{}\" that cannot be drawn", series.name));
            }
            let whole = self.form != Form::Lines;
            if whole && series.values.iter().flatten().any(|value| *value < 0.0) {
                return wrong(format!("has a negative part in \"{}\"", series.name));
            }
        }
        Ok(())
    }

    /// Whether there is nothing to draw: no category, or no value but zeros in a whole of parts.
    pub(super) fn is_empty(&self) -> bool {
        let mut values = self.series.iter().flat_map(|series| series.values.iter().flatten());
        match self.form {
            Form::Donut => !values.any(|value| *value > 0.0),
            Form::Bars | Form::NamedBars | Form::StackedBars | Form::Lines => {
                values.next().is_none()
            }
        }
    }
}
