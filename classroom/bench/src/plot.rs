//! The writes a second as curves, one for each server, over the number of clients. Both axes have equal steps for equal
//! factors. A dashed line shows how many syncs a second the disk can do.

use crate::measure::{Row, WRITE_CLIENTS, Writes};
use crate::report::{Report, name, thousands};
use anyhow::{Result, anyhow, ensure};
use plotters::element::{
    Circle, DashedPathElement, DynElement, EmptyElement, IntoDynElement, PathElement, Polygon,
};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const TITLE: &str = "Writes a second; each is on the disk before it is answered";

const SIZE: (u32, u32) = (960, 600);

/// How wide the place for the labels is, to the right of the curves.
const LABELS: i32 = 250;

/// How far apart two labels are at least, in pixels.
const LINE: i32 = 22;

const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const GRID: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);

/// Colours of Okabe and Ito, which colour-blind people can tell apart, and a grey. Each has a shape of its own.
const LOOKS: [(RGBColor, Shape); 8] = [
    (RGBColor(0x00, 0x00, 0x00), Shape::Circle),
    (RGBColor(0x56, 0xB4, 0xE9), Shape::Square),
    (RGBColor(0x00, 0x72, 0xB2), Shape::Down),
    (RGBColor(0xD5, 0x5E, 0x00), Shape::Diamond),
    (RGBColor(0x00, 0x9E, 0x73), Shape::Up),
    (RGBColor(0xCC, 0x79, 0xA7), Shape::Ring),
    (RGBColor(0xE6, 0x9F, 0x00), Shape::Frame),
    (RGBColor(0x77, 0x77, 0x77), Shape::Cross),
];

/// Stages that are left out: they store as stage 8 does, and their curves lie on its curve.
const ALIKE: [&str; 2] = ["s09_", "s10_"];

/// The stage that the picture is about: its curve is thicker.
const SUBJECT: &str = "s13_";

#[derive(Clone, Copy)]
enum Shape {
    Circle,
    Square,
    Down,
    Diamond,
    Up,
    Ring,
    Frame,
    Cross,
}

/// Draws the picture as SVG.
///
/// # Errors
/// No server has stored anything, so there is nothing to draw.
pub fn draw(report: &Report) -> Result<String> {
    let is_shown = |row: &&Row| {
        !row.writes.is_empty() && !ALIKE.iter().any(|start| row.name.starts_with(start))
    };
    let rows: Vec<&Row> = report.rows.iter().filter(is_shown).collect();
    ensure!(!rows.is_empty(), "no stage that was measured stores anything; choose one from 8 on");
    let mut svg = String::new();
    // An error of the backend would be one of a file; this one writes into a text.
    plot(&mut svg, report, &rows).map_err(|error| anyhow!("cannot draw the curves: {error}"))?;
    // What a screen reader reads.
    Ok(svg.replacen('>', &format!(">\n<title>{TITLE}</title>"), 1))
}

fn plot(
    svg: &mut String,
    report: &Report,
    rows: &[&Row],
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    // White, so that the picture can be read on a dark page as well.
    root.fill(&WHITE)?;
    let text = |size: i32| ("sans-serif", size).into_font().color(&INK);
    let left = text(22).pos(Pos::new(HPos::Left, VPos::Top));
    root.draw_text(TITLE, &left, (20, 14))?;
    let disk = report.disk.syncs_per_second();
    let figures = || rows.iter().flat_map(|row| &row.writes).map(|writes| writes.per_second);
    let low = figures().fold(disk, f64::min).max(1.0) / 1.3;
    let high = figures().fold(disk, f64::max).max(10.0) * 1.3;
    let last = (WRITE_CLIENTS.len() - 1) as f64;
    let chart = ChartBuilder::on(&root)
        .margin_top(56)
        .margin_left(10)
        .margin_bottom(8)
        .margin_right(LABELS)
        .x_label_area_size(56)
        .y_label_area_size(84)
        .build_cartesian_2d(-0.08..last + 0.08, (low..high).log_scale())?;
    // The grid and the ticks are drawn here: plotters would choose numbers of clients that were not measured.
    let area = chart.plotting_area();
    let pixel = |x: f64, y: f64| area.map_coordinate(&(x, y));
    let (bottom, top) = (pixel(0.0, low).1, pixel(0.0, high).1);
    let (start, end) = (pixel(-0.08, low).0, pixel(last + 0.08, low).0);
    for (place, clients) in WRITE_CLIENTS.iter().enumerate() {
        let x = pixel(place as f64, low).0;
        root.draw(&PathElement::new([(x, top), (x, bottom)], GRID))?;
        let centre = text(18).pos(Pos::new(HPos::Center, VPos::Top));
        root.draw_text(&clients.to_string(), &centre, (x, bottom + 8))?;
    }
    let centre = text(18).pos(Pos::new(HPos::Center, VPos::Top));
    root.draw_text(
        "clients that write at the same time",
        &centre,
        ((start + end) / 2, bottom + 34),
    )?;
    for tick in ticks(low, high) {
        let y = pixel(0.0, tick).1;
        root.draw(&PathElement::new([(start, y), (end, y)], GRID))?;
        let right = text(18).pos(Pos::new(HPos::Right, VPos::Center));
        root.draw_text(&thousands(tick), &right, (start - 8, y))?;
    }
    let across = [(start, pixel(0.0, disk).1), (end, pixel(0.0, disk).1)];
    root.draw(&DashedPathElement::new(across, 7, 5, INK.stroke_width(2)))?;
    let mut labels = vec![(pixel(last, disk).1, "syncs of the disk".to_string(), INK, None)];
    for (row, (colour, shape)) in rows.iter().zip(LOOKS.iter().cycle()) {
        let point =
            |(place, writes): (usize, &Writes)| pixel(place as f64, writes.per_second.max(low));
        let points: Vec<(i32, i32)> = row.writes.iter().enumerate().map(point).collect();
        let width = if row.name.starts_with(SUBJECT) { 4 } else { 2 };
        root.draw(&PathElement::new(points.clone(), colour.stroke_width(width)))?;
        for point in &points {
            root.draw(&marker(*point, *shape, *colour))?;
        }
        if let Some(point) = points.last() {
            labels.push((point.1, name(row), *colour, Some(*shape)));
        }
    }
    let heights = spread(labels.iter().map(|label| label.0).collect(), top, bottom);
    for ((from, label, colour, shape), to) in labels.into_iter().zip(heights) {
        // A thin line leads from the end of the curve to its label.
        root.draw(&PathElement::new([(end + 2, from), (end + 18, to)], colour.mix(0.6)))?;
        if let Some(shape) = shape {
            root.draw(&marker((end + 28, to), shape, colour))?;
        }
        let left = text(18).pos(Pos::new(HPos::Left, VPos::Center));
        root.draw_text(&label, &left, (end + 40, to))?;
    }
    root.present()?;
    Ok(())
}

/// The numbers at the axis: 1, 2 and 5 with zeros.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let powers = (0..9).map(|power| 10f64.powi(power));
    let all = powers.flat_map(|power| [power, 2.0 * power, 5.0 * power]);
    all.filter(|tick| (low..=high).contains(tick)).collect()
}

/// Moves heights apart where they are closer than a line, and keeps their order.
fn spread(heights: Vec<i32>, top: i32, bottom: i32) -> Vec<i32> {
    let mut order: Vec<usize> = (0..heights.len()).collect();
    order.sort_by_key(|place| heights[*place]);
    let mut moved = heights;
    let mut least = top;
    for place in &order {
        moved[*place] = moved[*place].max(least);
        least = moved[*place] + LINE;
    }
    let mut most = bottom;
    for place in order.iter().rev() {
        moved[*place] = moved[*place].min(most);
        most = moved[*place] - LINE;
    }
    moved
}

type Marker<'a> = DynElement<'a, SVGBackend<'a>, (i32, i32)>;

/// A small shape around a place, filled or as an outline.
fn marker<'a>(place: (i32, i32), shape: Shape, colour: RGBColor) -> Marker<'a> {
    let filled = |points: &[(i32, i32)]| {
        let polygon = Polygon::new(points.to_vec(), colour.filled());
        (EmptyElement::at(place) + polygon).into_dyn()
    };
    // White inside, so that the curve does not go through it.
    let outline = |points: &[(i32, i32)]| {
        let inside = Polygon::new(points.to_vec(), WHITE.filled());
        let edge: Vec<_> = points.iter().chain(points.first()).copied().collect();
        (EmptyElement::at(place) + inside + PathElement::new(edge, colour.stroke_width(2)))
            .into_dyn()
    };
    let square = [(-5, -5), (5, -5), (5, 5), (-5, 5)];
    match shape {
        Shape::Circle => {
            (EmptyElement::at(place) + Circle::new((0, 0), 5, colour.filled())).into_dyn()
        }
        Shape::Ring => {
            let inside = Circle::new((0, 0), 5, WHITE.filled());
            let edge = Circle::new((0, 0), 5, colour.stroke_width(2));
            (EmptyElement::at(place) + inside + edge).into_dyn()
        }
        Shape::Square => filled(&square),
        Shape::Frame => outline(&square),
        Shape::Diamond => filled(&[(0, -8), (7, 0), (0, 8), (-7, 0)]),
        Shape::Up => filled(&[(0, -7), (6, 5), (-6, 5)]),
        Shape::Down => filled(&[(0, 7), (6, -5), (-6, -5)]),
        Shape::Cross => {
            let one = PathElement::new([(-5, -5), (5, 5)], colour.stroke_width(2));
            let other = PathElement::new([(-5, 5), (5, -5)], colour.stroke_width(2));
            (EmptyElement::at(place) + one + other).into_dyn()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_cover_each_other() {
        assert_eq!(spread(vec![100, 50, 104, 51], 0, 500), [100, 50, 122, 72]);
        // At the bottom they move up.
        assert_eq!(spread(vec![499, 498, 497], 0, 500), [500, 478, 456]);
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(ticks(90.0, 1100.0), [100.0, 200.0, 500.0, 1000.0]);
    }
}
