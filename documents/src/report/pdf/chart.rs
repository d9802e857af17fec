//! Charts: kuva draws axes and marks as SVG; titles and legends are set here, where text is measured
//! in the face that is drawn and cannot run into a mark.

use std::sync::Arc;

use kuva::backend::svg::SvgBackend;
use kuva::plot::line::LineStyle;
use kuva::plot::{BarPlot, LinePlot, PieLabelPosition, PiePlot};
use kuva::render::layout::{Layout, TickFormat};
use kuva::render::plots::Plot;
use kuva::render::render::{render_multiple, render_pie};
use kuva::render::theme::Theme;

use super::face::{FAMILY, Weight, clean, fit, width};
use super::sheet::{Colour, Drawn, INK, INNER, MARGIN, MUTED, Part, PartId, RULE, Sheet};
use crate::report::{Chart, Form, Language, ReportError, Series, Tone};

const TICK: u32 = 8;
const TICK_SIZE: f32 = 8.0;
const TITLE: f32 = 26.0;
const LEGEND_LINE: f32 = 13.0;
const PLOT: f32 = 178.0;
const DONUT: f32 = 150.0;
const NAMED_BAR: f32 = 22.0;
/// Names of lying bars take no more than this of the width.
const MOST_NAME: f32 = 150.0;

/// Ordered so that neighbours differ in lightness: printed grey they are still apart.
const PALETTE: [Colour; 8] = [
    [0x17, 0x32, 0x4d],
    [0x5a, 0xa0, 0xc8],
    [0xb9, 0xc6, 0xd2],
    [0x2c, 0x7a, 0x6b],
    [0xe3, 0xb2, 0x5c],
    [0x7b, 0x4a, 0x6d],
    [0x8f, 0xb9, 0x96],
    [0x5b, 0x66, 0x73],
];
/// A line needs more contrast with the paper than an area; its dashes tell it apart as well.
const LINES: [usize; 6] = [0, 1, 3, 5, 7, 4];

/// What the chart takes with its title and legend.
pub(super) fn height(chart: &Chart) -> f32 {
    TITLE + body(chart) + legend_height(chart) + 14.0
}

fn body(chart: &Chart) -> f32 {
    if chart.is_empty() {
        return 30.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of bars and parts")]
    match chart.form {
        Form::Bars | Form::StackedBars | Form::Lines => PLOT,
        Form::NamedBars => 34.0 + NAMED_BAR * chart.categories.len() as f32,
        Form::Donut => DONUT.max(10.0 + 17.0 * chart.categories.len() as f32),
    }
}

pub(super) fn lay_out(
    sheet: &mut Sheet,
    chart: &Chart,
    language: Language,
) -> Result<(), ReportError> {
    chart.check()?;
    sheet.need(height(chart).min(Sheet::whole()))?;
    let caption = sheet.part(Part::Paragraph, None);
    let title = fit(&clean(&chart.title), Weight::SemiBold, 10.0, INNER);
    sheet.text(Some(caption), (MARGIN, sheet.y + 11.0), title, (Weight::SemiBold, 10.0, INK));
    let measure = fit(&clean(&chart.measure), Weight::Regular, 8.0, INNER);
    sheet.text(Some(caption), (MARGIN, sheet.y + 22.0), measure, (Weight::Regular, 8.0, MUTED));
    sheet.y += TITLE;
    if chart.is_empty() {
        let at = (MARGIN, sheet.y + 20.0);
        sheet.text(Some(caption), at, language.no_data(), (Weight::Regular, 9.0, MUTED));
        sheet.y += body(chart) + 14.0;
        return Ok(());
    }
    let figure = sheet.part(Part::Figure { says: says(chart, language) }, None);
    legend(sheet, chart, figure);
    let tall = body(chart);
    let (width, height) = if chart.form == Form::Donut { (DONUT, DONUT) } else { (INNER, tall) };
    let (svg, labels) = match chart.form {
        Form::Donut => {
            donut_legend(sheet, chart, language, figure);
            (donut(chart), Vec::new())
        }
        Form::NamedBars => named_bars(chart, language, tall),
        Form::Bars | Form::StackedBars | Form::Lines => over_time(chart, language),
    };
    let top = sheet.y;
    sheet.draw(Some(figure), Drawn::Chart { x: MARGIN, y: top, width, height, svg });
    for Label { x, baseline, text } in labels {
        let place = (MARGIN + x, top + baseline);
        sheet.text(Some(figure), place, text, (Weight::SemiBold, TICK_SIZE, INK));
    }
    sheet.y += tall + 14.0;
    Ok(())
}

/// A value written beside its bar, from the drawing's upper left corner.
struct Label {
    x: f32,
    baseline: f32,
    text: String,
}

/// The chart in words, for those who do not see it: its values, as far as they can be listened to.
fn says(chart: &Chart, language: Language) -> String {
    let mut words = format!("{}, {}.", clean(&chart.title), clean(&chart.measure));
    for series in &chart.series {
        let values: Vec<String> = chart
            .categories
            .iter()
            .zip(&series.values)
            .take(40)
            .filter_map(|(category, value)| {
                let value = language.decimal((*value)?, chart.places);
                Some(format!("{}: {value}", clean(category)))
            })
            .collect();
        words.push_str(&format!(" {}: {}.", clean(&series.name), values.join("; ")));
    }
    words
}

/// The colour of a series, or of a donut's part.
fn colour(chart: &Chart, at: usize) -> Colour {
    let tone = match chart.form {
        Form::Donut => chart.tones.get(at).copied(),
        Form::Bars | Form::NamedBars | Form::StackedBars | Form::Lines => {
            chart.series.get(at).map(|series| series.tone)
        }
    };
    match tone {
        Some(Tone::Good) => [0x56, 0xb0, 0x8f],
        Some(Tone::Neutral) => [0xc6, 0xcf, 0xd8],
        Some(Tone::Bad) => [0x8f, 0x1d, 0x2c],
        Some(Tone::Plain) | None if chart.form == Form::Lines => PALETTE[LINES[at % LINES.len()]],
        Some(Tone::Plain) | None => PALETTE[at % PALETTE.len()],
    }
}

/// As SVG writes it.
fn hex([red, green, blue]: Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Which names a legend shows: none where there is one series, as the title says what it is.
fn named(chart: &Chart) -> &[Series] {
    let lone = chart.series.len() < 2 || matches!(chart.form, Form::Donut | Form::NamedBars);
    if lone { &[] } else { &chart.series }
}

/// Where each name of the legend goes: its column and line.
fn legend_places(chart: &Chart) -> Vec<(f32, f32, String)> {
    let (mut x, mut y) = (0.0, 0.0);
    let mut places = Vec::new();
    for series in named(chart) {
        let name = fit(&clean(&series.name), Weight::Regular, 8.0, INNER - 40.0);
        let wide = 22.0 + width(&name, Weight::Regular, 8.0) + 16.0;
        if x > 0.0 && x + wide > INNER {
            x = 0.0;
            y += LEGEND_LINE;
        }
        places.push((x, y, name));
        x += wide;
    }
    places
}

fn legend_height(chart: &Chart) -> f32 {
    if chart.is_empty() {
        return 0.0;
    }
    legend_places(chart).last().map_or(0.0, |(_, y, _)| y + LEGEND_LINE + 4.0)
}

fn legend(sheet: &mut Sheet, chart: &Chart, figure: PartId) {
    let top = sheet.y + 2.0;
    for (at, (x, y, name)) in legend_places(chart).into_iter().enumerate() {
        let (x, y) = (MARGIN + x, top + y);
        if chart.form == Form::Lines {
            // As its line is drawn, so that dashes tell lines apart.
            let dash = [(0.0, 17.0), (0.0, 4.5), (6.2, 4.5), (12.4, 4.5)];
            let pieces = match at % 3 {
                0 => &dash[..1],
                1 => &dash[1..],
                _ => &[(0.0, 1.8), (4.0, 1.8), (8.0, 1.8), (12.0, 1.8), (16.0, 1.8)][..],
            };
            for (from, long) in pieces {
                sheet.bar(x + from, y + 3.6, *long, 1.8, colour(chart, at));
            }
        } else {
            sheet.bar(x, y, 9.0, 9.0, colour(chart, at));
        }
        let from = if chart.form == Form::Lines { 22.0 } else { 14.0 };
        let place = (x + from, y + 7.3);
        sheet.text(Some(figure), place, name, (Weight::Regular, 8.0, INK));
    }
    sheet.y += legend_height(chart);
}

/// Parts with their counts and shares, in words beside the ring.
fn donut_legend(sheet: &mut Sheet, chart: &Chart, language: Language, figure: PartId) {
    let Some(series) = chart.series.first() else { return };
    let total: f64 = series.values.iter().flatten().sum();
    let left = MARGIN + DONUT + 28.0;
    let right = MARGIN + INNER - 60.0;
    let mut y = sheet.y + 12.0;
    for (at, (category, value)) in chart.categories.iter().zip(&series.values).enumerate() {
        let value = value.unwrap_or(0.0);
        sheet.bar(left, y, 9.0, 9.0, colour(chart, at));
        let count = language.decimal(value, chart.places);
        let share = language.percent(100.0 * value / total, 1);
        let share_at = right - width(&share, Weight::Regular, 8.5);
        let count_at = right - 52.0 - width(&count, Weight::SemiBold, 8.5);
        let name = fit(&clean(category), Weight::Regular, 8.5, count_at - left - 30.0);
        sheet.text(Some(figure), (left + 16.0, y + 7.5), name, (Weight::Regular, 8.5, INK));
        sheet.text(Some(figure), (count_at, y + 7.5), count, (Weight::SemiBold, 8.5, INK));
        sheet.text(Some(figure), (share_at, y + 7.5), share, (Weight::Regular, 8.5, MUTED));
        sheet.bar(left, y + 12.5, right - left, 0.5, RULE);
        y += 17.0;
    }
}

fn theme() -> Theme {
    Theme {
        background: "none".into(),
        axis_color: "#5c6672".into(),
        grid_color: "#dde2e7".into(),
        tick_color: "#5c6672".into(),
        text_color: "#1c242e".into(),
        font_family: Some(FAMILY.into()),
        ..Theme::light()
    }
}

fn base(layout: Layout, (wide, tall): (f32, f32)) -> Layout {
    layout
        .with_width(f64::from(wide))
        .with_height(f64::from(tall))
        .with_theme(theme())
        .with_font_family(FAMILY)
        .with_tick_size(TICK)
        .with_body_size(TICK)
        .with_label_size(TICK)
        .with_axis_line_width(0.7)
        .with_tick_width(0.6)
        .with_tick_length(3.0)
        .with_grid_line_width(0.5)
}

/// kuva reads `$…$` as mathematics: what people write is not.
fn literal(text: &str) -> String {
    clean(text).replace('$', "\\$")
}

type Format = Arc<dyn Fn(f64) -> String + Send + Sync>;

fn ticks(language: Language, most: f64) -> Format {
    Arc::new(move |value: f64| {
        // As few decimals as tell neighbouring ticks apart.
        let places = if most >= 10.0 || value == value.round() { 0 } else { 1 };
        let places = if most < 1.0 && value != 0.0 { 2 } else { places };
        language.decimal(value, places)
    })
}

/// How wide the labels beside an upright axis become, at most.
fn widest_tick(format: &Format, low: f64, high: f64) -> f32 {
    (0..=20)
        .map(|at| format(low + (high - low) * f64::from(at) / 20.0))
        .map(|text| width(&text, Weight::Regular, TICK_SIZE))
        .fold(0.0, f32::max)
}

/// Category names, of which some are left out where they would run into each other.
fn thinned(categories: &[String], room: f32) -> Vec<String> {
    #[expect(clippy::cast_precision_loss, reason = "a thousand categories at most")]
    let slot = room / categories.len().max(1) as f32;
    let names: Vec<String> = categories.iter().map(|name| clean(name)).collect();
    let widest = names
        .iter()
        .map(|name| width(name, Weight::Regular, TICK_SIZE))
        .fold(0.0, f32::max)
        .min(room / 3.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small ratio")]
    let step = ((widest + 6.0) / slot).ceil().max(1.0) as usize;
    names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            if at.is_multiple_of(step) {
                let shown = fit(name, Weight::Regular, TICK_SIZE, room / 3.0);
                shown.replace('$', "\\$")
            } else {
                String::new()
            }
        })
        .collect()
}

fn over_time(chart: &Chart, language: Language) -> (String, Vec<Label>) {
    let values = || chart.series.iter().flat_map(|series| series.values.iter().flatten().copied());
    let stacked =
        |at: usize| -> f64 { chart.series.iter().filter_map(|series| series.values[at]).sum() };
    let most = match chart.form {
        Form::StackedBars => (0..chart.categories.len()).map(stacked).fold(0.0, f64::max),
        Form::Bars | Form::NamedBars | Form::Lines | Form::Donut => values().fold(0.0, f64::max),
    };
    let (low, high) = nice(values().fold(0.0, f64::min), most);
    let format = ticks(language, high.max(-low));
    let (left, top, bottom) = (10.0 + widest_tick(&format, low, high), 12.0, 20.0);
    let categories = thinned(&chart.categories, INNER - left - 8.0);
    // The last name, if it is shown, reaches past its slot.
    let last = categories.last().map_or(0.0, |name| width(name, Weight::Regular, TICK_SIZE));
    #[expect(clippy::cast_precision_loss, reason = "a thousand categories at most")]
    let slot = (INNER - left) / chart.categories.len() as f32;
    let right = ((last - slot) / 2.0 + 3.0).max(8.0);
    let plots: Vec<Plot> = match chart.form {
        Form::Lines => lines(chart),
        Form::Bars | Form::NamedBars | Form::StackedBars | Form::Donut => {
            vec![bars(chart, &categories).into()]
        }
    };
    let count = chart.categories.len();
    #[expect(clippy::cast_precision_loss, reason = "a thousand categories at most")]
    let mut layout = base(Layout::auto_from_plots(&plots), (INNER, PLOT))
        .with_x_categories(categories)
        .with_x_axis_min(0.5)
        .with_x_axis_max(count as f64 + 0.5)
        .with_y_axis_min(low)
        .with_y_axis_max(high)
        .with_y_tick_format(TickFormat::Custom(format))
        .with_ticks(5)
        .with_force_margins(left.into(), right.into())
        .with_force_margins_y(top.into(), bottom.into());
    layout.show_legend = false;
    let mut labels = Vec::new();
    if chart.form == Form::Bars && chart.series.len() == 1 {
        #[expect(clippy::cast_precision_loss, reason = "a thousand categories at most")]
        let slot = (INNER - left - right) / count as f32;
        for (at, value) in chart.series[0].values.iter().enumerate() {
            let Some(value) = value else { continue };
            let text = language.decimal(*value, chart.places);
            let wide = width(&text, Weight::SemiBold, TICK_SIZE);
            #[expect(clippy::cast_precision_loss, reason = "a thousand categories at most")]
            let x = left + slot * (at as f32 + 0.5) - wide / 2.0;
            #[expect(clippy::cast_possible_truncation, reason = "a share of the plot's height")]
            let share = ((high - value) / (high - low)) as f32;
            labels.push((
                wide,
                Label { x, baseline: top + share * (PLOT - top - bottom) - 3.0, text },
            ));
        }
        // Only where each has room beside its neighbours.
        labels.retain(|(wide, _)| wide + 3.0 <= slot);
        if labels.len() < chart.series[0].values.iter().flatten().count() {
            labels.clear();
        }
    }
    let svg = SvgBackend::new().render_scene(&render_multiple(plots, layout));
    (svg, labels.into_iter().map(|(_, label)| label).collect())
}

fn bars(chart: &Chart, categories: &[String]) -> BarPlot {
    let share = if chart.categories.len() > 31 { 0.9 } else { 0.72 };
    let mut bars = BarPlot::new().with_width(share);
    for (at, name) in categories.iter().enumerate() {
        let group = chart
            .series
            .iter()
            .enumerate()
            .map(|(row, series)| (series.values[at].unwrap_or(0.0), hex(colour(chart, row))));
        bars = bars.with_group(name.clone(), group);
    }
    if chart.form == Form::StackedBars { bars.with_stacked() } else { bars }
}

/// A line per run of measured values: a gap stays a gap.
fn lines(chart: &Chart) -> Vec<Plot> {
    let mut plots = Vec::new();
    for (row, series) in chart.series.iter().enumerate() {
        let mut run: Vec<(f64, f64)> = Vec::new();
        let points = series.values.iter().chain([&None]).enumerate();
        for (at, value) in points {
            #[expect(clippy::cast_precision_loss, reason = "a thousand points at most")]
            let x = at as f64 + 1.0;
            if let Some(value) = value {
                run.push((x, *value));
                continue;
            }
            if let [(x, y)] = run[..] {
                // A lone point would be no line.
                run = vec![(x - 0.12, y), (x + 0.12, y)];
            }
            if !run.is_empty() {
                let style = match row % 3 {
                    0 => LineStyle::Solid,
                    1 => LineStyle::Dashed,
                    _ => LineStyle::Dotted,
                };
                let line = LinePlot::new()
                    .with_data(std::mem::take(&mut run))
                    .with_color(hex(colour(chart, row)))
                    .with_stroke_width(1.7)
                    .with_line_style(style);
                plots.push(line.into());
            }
        }
    }
    plots
}

/// Bounds that ticks fall on, with zero among them.
fn nice(least: f64, most: f64) -> (f64, f64) {
    // Nothing but zeros still has an axis.
    let most = if most - least > 0.0 { most } else { 1.0 };
    let span = most - least;
    let rough = span / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|times| times * power)
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(power * 10.0);
    ((least / step).floor() * step, ((most * 1.04) / step).ceil() * step)
}

fn named_bars(chart: &Chart, language: Language, tall: f32) -> (String, Vec<Label>) {
    let values = &chart.series[0].values;
    let names: Vec<String> = chart
        .categories
        .iter()
        .map(|name| fit(&clean(name), Weight::Regular, TICK_SIZE, MOST_NAME))
        .collect();
    let longest =
        names.iter().map(|name| width(name, Weight::Regular, TICK_SIZE)).fold(0.0, f32::max);
    let texts: Vec<String> =
        values.iter().map(|value| language.decimal(value.unwrap_or(0.0), chart.places)).collect();
    let widest =
        texts.iter().map(|text| width(text, Weight::SemiBold, TICK_SIZE)).fold(0.0, f32::max);
    let (_, high) = nice(0.0, values.iter().flatten().copied().fold(0.0, f64::max));
    // The longest bar's number still stands inside.
    let (left, right, top, bottom) = (longest + 10.0, widest + 12.0, 4.0, 20.0);
    let mut bars = BarPlot::new().with_horizontal(true).with_width(0.66);
    // The first name stands on top; kuva counts from below.
    for (name, value) in names.iter().zip(values).rev() {
        let bar = (value.unwrap_or(0.0), hex(colour(chart, 0)));
        bars = bars.with_group(name.replace('$', "\\$"), [bar]);
    }
    let plots: Vec<Plot> = vec![bars.into()];
    #[expect(clippy::cast_precision_loss, reason = "two dozen bars")]
    let count = values.len() as f32;
    let mut layout = base(Layout::auto_from_plots(&plots), (INNER, tall))
        .with_y_categories(names.iter().rev().map(|name| name.replace('$', "\\$")).collect())
        .with_x_axis_min(0.0)
        .with_x_axis_max(high)
        .with_y_axis_min(0.5)
        .with_y_axis_max(f64::from(count) + 0.5)
        .with_x_tick_format(TickFormat::Custom(ticks(language, high)))
        .with_ticks(5)
        .with_force_margins(left.into(), right.into())
        .with_force_margins_y(top.into(), bottom.into());
    layout.show_legend = false;
    let slot = (tall - top - bottom) / count;
    let labels = texts.into_iter().zip(values).enumerate().map(|(at, (text, value))| {
        #[expect(clippy::cast_possible_truncation, reason = "a share of the plot's width")]
        let share = (value.unwrap_or(0.0) / high) as f32;
        #[expect(clippy::cast_precision_loss, reason = "two dozen bars")]
        let middle = top + slot * (at as f32 + 0.5);
        Label { x: left + share * (INNER - left - right) + 4.0, baseline: middle + 2.9, text }
    });
    let labels = labels.collect();
    (SvgBackend::new().render_scene(&render_multiple(plots, layout)), labels)
}

fn donut(chart: &Chart) -> String {
    let mut pie = PiePlot::new()
        .with_label_position(PieLabelPosition::None)
        .with_inner_radius(f64::from(DONUT) * 0.26);
    let series = &chart.series[0];
    for (at, (name, value)) in chart.categories.iter().zip(&series.values).enumerate() {
        let value = value.unwrap_or(0.0);
        if value > 0.0 {
            pie = pie.with_slice(literal(name), value, hex(colour(chart, at)));
        }
    }
    let plots: Vec<Plot> = vec![pie.clone().into()];
    // kuva keeps ten points around a ring by itself.
    let mut layout = base(Layout::auto_from_plots(&plots), (DONUT, DONUT))
        .with_force_margins(-6.0, -6.0)
        .with_force_margins_y(-6.0, -6.0);
    layout.show_legend = false;
    SvgBackend::new().render_scene(&render_pie(&pie, &layout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_the_values_and_zero() {
        for (least, most) in [(0.0, 7.0), (-0.4, 0.9), (0.0, 12_345.0), (0.0, 0.02), (0.0, 0.0)] {
            let (low, high) = nice(least, most);
            assert!(low <= least && high >= most && low <= 0.0 && high > low, "{low} {high}");
        }
    }
}
