//! Plain pictures in SVG: bars of groups, and lines. Both have logarithmic axes, as what is compared differs by orders of
//! magnitude. A picture has a background of its own, so that it can be read on a light page and on a dark one.

use std::fmt::Write;

const WIDTH: f64 = 820.0;
/// What stands left of the plot and right of it.
const LEFT: f64 = 235.0;
const RIGHT: f64 = 90.0;

/// Of series, told apart in both schemes, also by who sees no red or green (Okabe and Ito).
const LIGHT: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#b8860b", "#a0528a", "#56a0d0", "#555555", "#7a5c2e"];
const DARK: [&str; 8] =
    ["#5ab4f0", "#ff8c42", "#3fd0a4", "#f0c850", "#e08cc4", "#9cd4f4", "#bbbbbb", "#c8a878"];

/// How a value is written.
type Shown = fn(f64) -> String;

/// A logarithmic axis, which begins and ends at a 1, a 2 or a 5.
struct Axis {
    steps: Vec<f64>,
    from: f64,
    to: f64,
}

impl Axis {
    fn of(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (mut low, mut high) = (f64::MAX, f64::MIN);
        for value in values.filter(|value| *value > 0.0) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (1.0, 10.0);
        }
        let all = (-4..9).flat_map(|power| [1.0, 2.0, 5.0].map(|n| n * 10f64.powi(power)));
        let steps: Vec<f64> = all.collect();
        // A bar of the least value can still be seen.
        let first = steps.iter().rposition(|step| *step < low * 0.999).unwrap_or(0);
        let last = steps.iter().position(|step| *step >= high * 0.999).unwrap_or(steps.len() - 1);
        Self { steps: steps[first..=last.max(first + 1)].to_vec(), from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let (low, high) = (self.steps[0], self.steps[self.steps.len() - 1]);
        let share = (value.max(low) / low).log10() / (high / low).log10();
        self.from + share.min(1.0) * (self.to - self.from)
    }

    /// Where there is a line: at each step, or where that is too many, at each power of ten.
    fn ticks(&self) -> Vec<f64> {
        let is_power = |step: &&f64| (step.log10() - step.log10().round()).abs() < 1e-9;
        if self.steps.len() <= 6 {
            self.steps.clone()
        } else {
            self.steps.iter().filter(is_power).copied().collect()
        }
    }
}

/// Bars that lie, in groups; a group may lack a series.
pub(crate) struct Bars<'a> {
    pub(crate) title: &'a str,
    pub(crate) axis: &'a str,
    pub(crate) series: &'a [&'a str],
    /// The label of a group, and a value for each series.
    pub(crate) groups: Vec<(String, Vec<Option<f64>>)>,
    pub(crate) shown: Shown,
}

impl Bars<'_> {
    pub(crate) fn draw(&self) -> String {
        const BAR: f64 = 15.0;
        const GAP: f64 = 12.0;
        let values = self.groups.iter().flat_map(|(_, values)| values.iter().flatten().copied());
        let axis = Axis::of(values, LEFT, WIDTH - RIGHT);
        let top = if self.series.len() > 1 { 78.0 } else { 50.0 };
        let bars = |values: &[Option<f64>]| values.iter().flatten().count() as f64;
        let height: f64 = self.groups.iter().map(|(_, values)| bars(values) * BAR + GAP).sum();
        let bottom = top + height;
        let mut drawing = begin(self.title, &format!("Bars; {}.", self.axis), bottom + 50.0);
        if self.series.len() > 1 {
            legend(&mut drawing, self.series);
        }
        for tick in axis.ticks() {
            let x = axis.at(tick);
            line(&mut drawing, "grid", (x, top), (x, bottom));
            text(&mut drawing, "small", "middle", (x, bottom + 16.0), &plain(tick));
        }
        let middle = (LEFT + WIDTH - RIGHT) / 2.0;
        text(&mut drawing, "small", "middle", (middle, bottom + 36.0), self.axis);
        let mut y = top + GAP / 2.0;
        for (label, values) in &self.groups {
            let centre = y + bars(values) * BAR / 2.0 + 4.5;
            text(&mut drawing, "", "end", (LEFT - 10.0, centre), label);
            for (series, value) in values.iter().enumerate() {
                let Some(value) = value else { continue };
                let (end, height) = (axis.at(*value), BAR - 3.0);
                let _ = writeln!(
                    drawing,
                    r#"<rect x="{LEFT}" y="{y:.1}" width="{:.1}" height="{height}" class="f{series}"/>"#,
                    (end - LEFT).max(1.0)
                );
                text(
                    &mut drawing,
                    "small value",
                    "start",
                    (end + 5.0, y + 10.5),
                    &(self.shown)(*value),
                );
                y += BAR;
            }
            y += GAP;
        }
        drawing + "</svg>\n"
    }
}

/// A point of a line.
type Point = (f64, f64);

/// Lines over a logarithmic axis, each with its name at its end.
pub(crate) struct Lines<'a> {
    pub(crate) title: &'a str,
    pub(crate) across: &'a str,
    pub(crate) up: &'a str,
    pub(crate) series: Vec<(&'a str, Vec<Point>)>,
    pub(crate) shown: Shown,
}

impl Lines<'_> {
    pub(crate) fn draw(&self) -> String {
        const HEIGHT: f64 = 430.0;
        let (left, right, top, bottom) = (80.0, WIDTH - 170.0, 68.0, HEIGHT - 60.0);
        let all = || self.series.iter().flat_map(|(_, points)| points.iter().copied());
        let across = Axis::of(all().map(|(x, _)| x), left, right);
        let up = Axis::of(all().map(|(_, y)| y), bottom, top);
        let axes = format!("Lines; across: {}; up: {}.", self.across, self.up);
        let mut drawing = begin(self.title, &axes, HEIGHT);
        for tick in across.ticks() {
            let x = across.at(tick);
            line(&mut drawing, "grid", (x, top), (x, bottom));
            text(&mut drawing, "small", "middle", (x, bottom + 18.0), &plain(tick));
        }
        for tick in up.ticks() {
            let y = up.at(tick);
            line(&mut drawing, "grid", (left, y), (right, y));
            text(&mut drawing, "small", "end", (left - 8.0, y + 4.0), &round(&(self.shown)(tick)));
        }
        text(&mut drawing, "small", "middle", ((left + right) / 2.0, bottom + 42.0), self.across);
        text(&mut drawing, "small", "start", (20.0, top - 20.0), self.up);
        let mut names: Vec<(f64, f64, usize)> = Vec::new();
        for (number, (_, points)) in self.series.iter().enumerate() {
            let places: Vec<Point> =
                points.iter().map(|(x, y)| (across.at(*x), up.at(*y))).collect();
            let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let _ =
                writeln!(drawing, r#"<polyline points="{}" class="l{number}"/>"#, path.join(" "));
            for (x, y) in &places {
                let _ = writeln!(
                    drawing,
                    r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" class="f{number}"/>"#
                );
            }
            names.extend(places.last().map(|(x, y)| (*y, *x, number)));
        }
        names.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut written: Vec<Point> = Vec::new();
        for (y, x, number) in names {
            let beside = written.iter().filter(|(other, _)| (other - x).abs() < 120.0);
            let least = beside.map(|(_, y)| y + 15.0).fold(f64::MIN, f64::max);
            let at = (x + 10.0, (y + 4.0).max(least));
            written.push((x, at.1));
            text(&mut drawing, &format!("f{number} value"), "start", at, self.series[number].0);
        }
        drawing + "</svg>\n"
    }
}

/// The number of a tick.
fn plain(value: f64) -> String {
    let thousands = (value / 1000.0).floor();
    if thousands < 1.0 { format!("{value}") } else { format!("{thousands},{:03}", value % 1000.0) }
}

/// Without zeros behind the point.
fn round(shown: &str) -> String {
    let (number, unit) = shown.split_once(' ').unwrap_or((shown, ""));
    let is_broken = number.contains('.');
    let number =
        if is_broken { number.trim_end_matches('0').trim_end_matches('.') } else { number };
    format!("{number} {unit}").trim_end().to_owned()
}

fn begin(title: &str, axes: &str, height: f64) -> String {
    let fills = |colours: [&str; 8]| -> String {
        let both = |(n, c): (usize, &str)| format!(".f{n}{{fill:{c}}}.l{n}{{stroke:{c}}}");
        colours.into_iter().enumerate().map(both).collect()
    };
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title desc">
<title id="title">{0}</title>
<desc id="desc">{3}</desc>
<style>
text{{font-family:"DejaVu Sans",Verdana,Arial,sans-serif;font-size:13px;fill:#1a1a1a}}
.name{{font-size:15px;font-weight:bold}} .small{{font-size:12px;fill:#444}}
.value{{paint-order:stroke;stroke:#fff;stroke-width:4px}}
.grid{{stroke:#ccc;stroke-width:1}} polyline{{fill:none;stroke-width:2}}
{1}
@media (prefers-color-scheme: dark){{
text{{fill:#e8e8e8}} .small{{fill:#bbb}} .page{{fill:#161b22}} .grid{{stroke:#3a414b}} .value{{stroke:#161b22}}
{2}
}}
</style>
<rect width="{WIDTH}" height="{height}" fill="#ffffff" class="page"/>
<text x="20" y="26" class="name">{0}</text>
"##,
        escaped(title),
        fills(LIGHT),
        fills(DARK),
        escaped(axes)
    )
}

fn legend(drawing: &mut String, series: &[&str]) {
    let mut x = 20.0;
    for (number, name) in series.iter().enumerate() {
        let _ = writeln!(
            drawing,
            r#"<rect x="{x:.1}" y="44" width="12" height="12" class="f{number}"/>"#
        );
        text(drawing, "small", "start", (x + 17.0, 54.5), name);
        x += 40.0 + 7.2 * name.chars().count() as f64;
    }
}

fn line(drawing: &mut String, class: &str, from: Point, to: Point) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let _ = writeln!(
        drawing,
        r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" class="{class}"/>"#
    );
}

fn text(drawing: &mut String, class: &str, anchor: &str, at: Point, words: &str) {
    let ((x, y), words) = (at, escaped(words));
    let _ = writeln!(
        drawing,
        r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{words}</text>"#
    );
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
