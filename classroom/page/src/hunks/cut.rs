//! A changed file as pieces, each of which fits a projector.
//!
//! A piece is cut where a reader would pause: between items, at a blank line, before a doc comment. Every cut has a
//! price, and so has every piece; of all ways to cut a file the cheapest is taken.

use super::{COLUMNS, MAX_ROWS};
use crate::changes::marks;
use ladder::code::{FileChange, Line, inline};
use similar::{ChangeTag, DiffOp, TextDiff};
use std::collections::BTreeSet;
use std::ops::Range;

/// How many unchanged lines a piece shows before and after what changes, at most.
const CONTEXT: usize = 2;

/// What a piece costs, so that a file is not cut for nothing.
const PIECE: u32 = 6;

/// What a piece of less than four lines costs besides.
const SMALL: u32 = 4;

/// What it costs that two items stand in one piece; twice as much if one of them is cut.
const TWO_ITEMS: u32 = 5;

/// What a cut inside of a replaced block costs: more than any other.
const REPLACED: u32 = 200;

/// A block with at least this many lines on each side counts as written anew.
const MANY: usize = 5;

/// A line of a piece.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// `-` for an old line, `+` for a new one, a space for a line of both, `@` for the line of the item around.
    pub tag: char,
    /// The number in the old text, counted from 0.
    pub old: Option<usize>,
    /// The number in the new text, counted from 0.
    pub new: Option<usize>,
    /// The line without its end.
    pub text: String,
    /// What changes inside of the line, as in `changes.rs`.
    pub marks: Vec<(usize, usize)>,
    /// How many rows of the screen it needs.
    pub height: usize,
    /// The replaced block of which it is a part.
    block: Option<usize>,
}

/// A part of a change that is shown at once.
#[derive(Debug)]
pub struct Piece {
    /// Its lines, from the top.
    pub rows: Vec<Row>,
    /// How many rows of the screen these lines need.
    pub height: usize,
    /// How many old lines are gone after these, which are not shown.
    pub left_out: usize,
}

impl Row {
    /// Whether it is only in one of the texts.
    pub fn is_changed(&self) -> bool {
        matches!(self.tag, '-' | '+')
    }
}

/// How many rows of the screen a line needs. A line that is too long is wrapped between words and keeps its indent.
pub fn height(text: &str) -> usize {
    let indent = &text[..text.len() - text.trim_start().len()];
    let options = textwrap::Options::new(COLUMNS).subsequent_indent(indent);
    textwrap::wrap(text, options).len().max(1)
}

/// Cuts what changes in a file into pieces.
pub fn pieces(change: &FileChange) -> Vec<Piece> {
    let old: Vec<&str> = change.old.as_deref().unwrap_or_default().lines().collect();
    let new: Vec<&str> = change.new.as_deref().unwrap_or_default().lines().collect();
    let mut rows = rows(change);
    slide(&mut rows);
    let file = File { path: &change.path, old, new, rows };
    let changed: Vec<usize> =
        (0..file.rows.len()).filter(|at| file.rows[*at].is_changed()).collect();
    let pieces = file.cuts(&changed).into_iter().map(|range| file.piece(range)).collect();
    shorten(pieces)
}

/// Of a long stretch of removed code only the first piece is shown. The lines of the pieces after it are counted.
fn shorten(pieces: Vec<Piece>) -> Vec<Piece> {
    let is_gone = |piece: &Piece| piece.rows.iter().all(|row| matches!(row.tag, '-' | '@'));
    let end = |piece: &Piece| {
        piece.rows.iter().filter(|row| row.tag == '-').filter_map(|row| row.old).next_back()
    };
    let start =
        |piece: &Piece| piece.rows.iter().find(|row| row.tag == '-').and_then(|row| row.old);
    let mut shown: Vec<Piece> = Vec::new();
    for piece in pieces {
        if let Some(last) = shown.last_mut()
            && is_gone(last)
            && is_gone(&piece)
            && end(last).map(|end| end + last.left_out + 1) == start(&piece)
        {
            last.left_out += piece.rows.iter().filter(|row| row.tag == '-').count();
        } else {
            shown.push(piece);
        }
    }
    shown
}

/// All lines of both texts; of a replaced block first the old ones, or, where the block is too high for a piece, those
/// old and new lines next to each other that belong together.
fn rows(change: &FileChange) -> Vec<Row> {
    let diff = change.lines();
    let runs = together(diff.ops().iter().map(|op| op_rows(&diff, op)).collect());
    let mut rows = Vec::new();
    let mut blocks = 0;
    for run in runs {
        let (old, new): (Vec<Row>, Vec<Row>) = run.iter().cloned().partition(|row| row.tag == '-');
        if old.is_empty() || new.is_empty() || run.iter().any(|row| row.tag == ' ') {
            rows.extend(run);
            continue;
        }
        for part in replaced(old, new).into_iter().flat_map(same_ends) {
            let tag = part[0].tag;
            // Lines of one text alone need not stay together.
            let block =
                part.iter().any(|row| row.tag != tag).then_some(blocks).filter(|_| tag != ' ');
            // A mark shows how a line differs from the line beside it. Without a block there is none beside it.
            let marks = |row: &Row| if block.is_some() { row.marks.clone() } else { Vec::new() };
            rows.extend(part.into_iter().map(|row| Row { block, marks: marks(&row), ..row }));
            blocks += 1;
        }
    }
    rows
}

/// Lines with which both sides of a block begin or end have not changed.
fn same_ends(part: Vec<Row>) -> Vec<Vec<Row>> {
    let (mut old, mut new): (Vec<Row>, Vec<Row>) = part.into_iter().partition(|row| row.tag == '-');
    let both = |old: Row, new: Row| Row { tag: ' ', old: old.old, marks: Vec::new(), ..new };
    let first = old.iter().zip(&new).take_while(|(old, new)| old.text == new.text).count();
    let first =
        old.drain(..first).zip(new.drain(..first)).map(|(old, new)| both(old, new)).collect();
    let last = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(old, new)| old.text == new.text)
        .count();
    let (olds, news) = (old.split_off(old.len() - last), new.split_off(new.len() - last));
    let last = olds.into_iter().zip(news).map(|(old, new)| both(old, new)).collect();
    let parts = [first, old.into_iter().chain(new).collect(), last];
    parts.into_iter().filter(|part: &Vec<Row>| !part.is_empty()).collect()
}

/// Where much has been written anew, lines such as `}` are in both texts by chance. They do not show which old lines
/// belong to which new ones. So what stands before and after them is one block.
fn together(runs: Vec<Vec<Row>>) -> Vec<Vec<Row>> {
    let is_changed = |run: &[Row]| run.iter().all(Row::is_changed);
    let says_nothing = |run: &[Row]| {
        run.len() <= 2 && !run.iter().any(|row| row.text.contains(char::is_alphanumeric))
    };
    let count = |run: &[Row], tag| run.iter().filter(|row| row.tag == tag).count();
    let mut done: Vec<Vec<Row>> = Vec::new();
    for run in runs {
        let between = done.len() >= 2 && is_changed(&run) && says_nothing(&done[done.len() - 1]);
        let [.., before, middle] = &mut done[..] else {
            done.push(run);
            continue;
        };
        let sizes = ['-', '+'].map(|tag| count(before, tag) + count(&run, tag));
        if !between || sizes.iter().any(|size| *size < MANY) {
            done.push(run);
            continue;
        }
        for row in middle.drain(..) {
            before.push(Row { tag: '-', new: None, ..row.clone() });
            before.push(Row { tag: '+', old: None, ..row });
        }
        before.extend(run);
        done.pop();
    }
    done
}

fn op_rows(diff: &TextDiff<'_, '_, str>, op: &DiffOp) -> Vec<Row> {
    let row = |line: Line| {
        let text: String = line.pieces.iter().map(|piece| piece.1.as_str()).collect();
        let text = text.trim_end_matches(['\r', '\n']).to_string();
        let tag = match line.tag {
            ChangeTag::Equal => ' ',
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
        };
        let marks = if tag == ' ' { Vec::new() } else { marks(&line.pieces) };
        Row { tag, old: line.old, new: line.new, height: height(&text), text, marks, block: None }
    };
    inline(diff, op).into_iter().map(row).collect()
}

/// A replaced block in parts, none of which is too high for a piece if that can be avoided.
fn replaced(old: Vec<Row>, new: Vec<Row>) -> Vec<Vec<Row>> {
    let limit = MAX_ROWS - 1;
    let sum = |rows: &[Row]| rows.iter().map(|row| row.height).sum::<usize>();
    if sum(&old) + sum(&new) <= limit {
        return vec![old.into_iter().chain(new).collect()];
    }
    // Steps: old and new lines up to the next two that are alike, and these two. What is too high even so is first
    // all old lines and then all new ones.
    let mut steps = Vec::new();
    let (mut one, mut other) = (0, 0);
    let pairs = alike(&old, &new);
    for (left, right) in pairs.iter().copied().chain([(old.len(), new.len())]) {
        if sum(&old[one..left]) + sum(&new[other..right]) > limit {
            steps.extend([(one..left, other..other), (left..left, other..right)]);
        } else {
            steps.push((one..left, other..right));
        }
        if left < old.len() {
            steps.push((left..left + 1, right..right + 1));
        }
        (one, other) = (left + 1, right + 1);
    }
    steps.retain(|(old, new)| !old.is_empty() || !new.is_empty());
    // The cheapest way to put steps that follow each other together.
    let high = |steps: &[(Range<usize>, Range<usize>)]| {
        steps
            .iter()
            .map(|step| sum(&old[step.0.clone()]) + sum(&new[step.1.clone()]))
            .sum::<usize>()
    };
    let price = |at: usize| {
        let (last, next) = (&steps[at - 1], &steps[at]);
        match (new[..last.1.end].last(), new.get(next.1.start)) {
            (Some(last), Some(next)) => cut_price("a.rs", &last.text, &next.text) + PIECE,
            _ => PIECE,
        }
    };
    let fits = |range: &Range<usize>| range.len() == 1 || high(&steps[range.clone()]) <= limit;
    cheapest(steps.len(), fits, price, |_| 0)
        .into_iter()
        .map(|range| {
            let steps = &steps[range];
            let (first, last) = (&steps[0], &steps[steps.len() - 1]);
            let old = old[first.0.start..last.0.end].iter();
            old.chain(&new[first.1.start..last.1.end]).cloned().collect()
        })
        .collect()
}

/// Old and new lines that are alike, in order, so that as much as possible is alike.
fn alike(old: &[Row], new: &[Row]) -> Vec<(usize, usize)> {
    let words = |rows: &[Row]| -> Vec<BTreeSet<String>> {
        rows.iter().map(|row| words(&row.text).map(String::from).collect()).collect()
    };
    let (left, right) = (words(old), words(new));
    let score = |one: usize, other: usize| {
        let same = left[one].intersection(&right[other]).count() as f64;
        let all = left[one].union(&right[other]).count() as f64;
        if same >= 2.0 && same / all >= 0.6 { same / all } else { 0.0 }
    };
    let mut best = vec![vec![0.0; new.len() + 1]; old.len() + 1];
    for one in (0..old.len()).rev() {
        for other in (0..new.len()).rev() {
            let both = best[one + 1][other + 1] + score(one, other);
            best[one][other] = f64::max(both, f64::max(best[one + 1][other], best[one][other + 1]));
        }
    }
    let (mut one, mut other) = (0, 0);
    let mut pairs = Vec::new();
    while one < old.len() && other < new.len() {
        let here = best[one][other];
        if here == best[one + 1][other] {
            one += 1;
        } else if here == best[one][other + 1] {
            other += 1;
        } else {
            pairs.push((one, other));
            one += 1;
            other += 1;
        }
    }
    pairs
}

/// Takes a text apart into its words; a name such as `read_line` is one.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
}

/// Moves each added or removed run of lines up or down to where a reader would see it. If a run ends with the line that
/// stands before it, the difference is the same one line further up.
fn slide(rows: &mut [Row]) {
    let mut at = 0;
    while at < rows.len() {
        let tag = rows[at].tag;
        let end =
            at + rows[at..].iter().take_while(|row| row.tag == tag && row.block.is_none()).count();
        if !rows[at].is_changed() || end == at {
            at = end.max(at + 1);
            continue;
        }
        let (mut first, mut last) = (at, end);
        let mut moves = vec![];
        // As far up as it goes, and then down again, step by step.
        while first > 0 && rows[first - 1].tag == ' ' && rows[first - 1].text == rows[last - 1].text
        {
            shift(rows, first - 1, last - 1, tag);
            (first, last) = (first - 1, last - 1);
        }
        loop {
            moves.push((place_price(rows, first, last), first, last));
            if last == rows.len() || rows[last].tag != ' ' || rows[last].text != rows[first].text {
                break;
            }
            unshift(rows, first, last, tag);
            (first, last) = (first + 1, last + 1);
        }
        let best = moves.iter().min_by_key(|moved| (moved.0, usize::MAX - moved.1)).copied();
        let (_, wanted, _) = best.unwrap_or((0, first, last));
        while first > wanted {
            shift(rows, first - 1, last - 1, tag);
            (first, last) = (first - 1, last - 1);
        }
        at = end.max(last);
    }
}

/// What it costs that a run begins and ends here.
fn place_price(rows: &[Row], first: usize, last: usize) -> u32 {
    let text = |at: usize| rows.get(at).map_or("", |row| row.text.as_str());
    let before = if first == 0 { "" } else { text(first - 1) };
    cut_price("a.rs", before, text(first)) + cut_price("a.rs", text(last - 1), text(last))
}

/// Moves a run one line up: the unchanged line at `before` is now the last one of the run, which ended with `end`.
fn shift(rows: &mut [Row], before: usize, end: usize, tag: char) {
    renumber(&mut rows[before..=end], tag, false);
}

/// Moves a run one line down: the unchanged line at `end` is now part of the run, which began with `first`.
fn unshift(rows: &mut [Row], first: usize, end: usize, tag: char) {
    renumber(&mut rows[first..=end], tag, true);
}

/// The numbers of the lines stay in order. Another line than before is now the one that is in both texts.
fn renumber(rows: &mut [Row], tag: char, down: bool) {
    let unchanged = if down { rows.len() - 1 } else { 0 };
    let (old, new) = (rows[unchanged].old, rows[unchanged].new);
    let count = rows.len() - 1;
    for (at, row) in rows.iter_mut().enumerate() {
        let same = if down { at == 0 } else { at == count };
        row.tag = if same { ' ' } else { tag };
        let own = match (tag, down) {
            ('+', false) => new.map(|new| new + at),
            ('+', true) => new.map(|new| new - count + at),
            (_, false) => old.map(|old| old + at),
            (_, true) => old.map(|old| old - count + at),
        };
        (row.old, row.new) = match (tag, same) {
            ('+', true) => (old, own),
            ('+', false) => (None, own),
            (_, true) => (own, new),
            (_, false) => (own, None),
        };
    }
}

/// A file with its lines, and what is needed to cut it.
struct File<'a> {
    path: &'a str,
    old: Vec<&'a str>,
    new: Vec<&'a str>,
    rows: Vec<Row>,
}

impl File<'_> {
    /// The pieces as ranges of rows, from the first changed one to behind the last changed one.
    fn cuts(&self, changed: &[usize]) -> Vec<Range<usize>> {
        let whole = |range: &Range<usize>| changed[range.start]..changed[range.end - 1] + 1;
        let around: Vec<Option<usize>> = changed.iter().map(|row| self.item_around(*row)).collect();
        let fits = |range: &Range<usize>| {
            let rows = whole(range);
            // More than a piece can hold need not be looked at in detail.
            if range.len() > MAX_ROWS {
                return false;
            }
            let close = |pair: &[usize]| pair[1] - pair[0] <= 2 * CONTEXT + 1;
            let old = self.is_old(rows.start);
            let around = around[range.start].is_some_and(|at| !self.shows(&rows, at, old));
            let sum: usize = self.rows[rows].iter().map(|row| row.height).sum();
            range.len() == 1
                || changed[range.clone()].windows(2).all(close)
                    && sum + usize::from(around) <= MAX_ROWS
        };
        let price = |at: usize| self.price(changed[at - 1], changed[at]) + PIECE;
        let breaks = |at: usize| self.price(changed[at - 1], changed[at]) > 0;
        let inside = |range: &Range<usize>| {
            let small = if whole(range).len() < 4 { SMALL } else { 0 };
            let items = range
                .clone()
                .skip(1)
                .filter(|at| changed[*at] == changed[*at - 1] + 1 && !breaks(*at));
            let halves = range.start > 0 && breaks(range.start)
                || range.end < changed.len() && breaks(range.end);
            let each = if halves { 2 * TWO_ITEMS } else { TWO_ITEMS };
            small + each * items.count() as u32
        };
        cheapest(changed.len(), fits, price, inside).iter().map(whole).collect()
    }

    /// What a cut between two changed rows costs.
    fn price(&self, last: usize, next: usize) -> u32 {
        if next > last + 1 {
            // Between the two there are unchanged lines, which stand between two items or in one.
            let mut between = self.rows[last..=next].windows(2);
            return u32::from(
                !between.any(|pair| cut_price(self.path, &pair[0].text, &pair[1].text) == 0),
            ) * 3;
        }
        let (last, next) = (&self.rows[last], &self.rows[next]);
        let price = cut_price(self.path, &last.text, &next.text);
        match (last.block, next.block) {
            (Some(one), Some(other)) if one == other && last.tag == next.tag => REPLACED + price,
            (Some(one), Some(other)) if one == other => REPLACED,
            _ if last.tag != next.tag => price + 10,
            _ => price,
        }
    }

    /// Whether the line `at` of the old or of the new text is in these rows.
    fn shows(&self, rows: &Range<usize>, at: usize, old: bool) -> bool {
        self.rows[rows.clone()].iter().any(|row| if old { row.old } else { row.new } == Some(at))
    }

    /// Whether a row is only in the old text.
    fn is_old(&self, row: usize) -> bool {
        self.rows[row].new.is_none()
    }

    /// The line of the function or the type around a row: its number in the text in which the row is.
    fn item_around(&self, row: usize) -> Option<usize> {
        if !self.path.ends_with(".rs") {
            return None;
        }
        let lines = if self.is_old(row) { &self.old } else { &self.new };
        let at = if self.is_old(row) { self.rows[row].old? } else { self.rows[row].new? };
        let mut inner =
            lines[at..].iter().find(|line| !line.trim().is_empty()).map(|line| indent(line))?;
        for (number, line) in lines[..at].iter().enumerate().rev() {
            if line.trim().is_empty() || indent(line) >= inner {
                continue;
            }
            if is_item(line) {
                return Some(number);
            }
            // The end of a function's parameters stands as far left as its name.
            inner = indent(line) + usize::from(line.trim_start().starts_with([')', ']', '}', '>']));
        }
        None
    }

    /// The piece around these rows: with lines of context as far as it stays low enough, and the line of its item.
    fn piece(&self, changed: Range<usize>) -> Piece {
        let old = self.is_old(changed.start);
        let around = self.item_around(changed.start).filter(|at| !self.shows(&changed, *at, old));
        let mut rows = changed.clone();
        let mut height: usize = self.rows[changed.clone()].iter().map(|row| row.height).sum();
        height += usize::from(around.is_some());
        let is_end =
            |text: &str| text.trim().is_empty() || text.trim_start().starts_with(['}', ')', ']']);
        let starts_item = self.rows[changed.start].text.trim_start().starts_with("//")
            || self.rows[changed.start].text.trim().is_empty()
            || is_item(&self.rows[changed.start].text);
        let ends_item = self.rows[changed.end - 1].text.trim().is_empty();
        for _ in 0..CONTEXT {
            if let Some(before) = rows.start.checked_sub(1).map(|at| &self.rows[at])
                && before.tag == ' ' && height + before.height <= MAX_ROWS
                && !(starts_item && is_end(&before.text))
                // Not the end of another item.
                && !before.text.trim().is_empty()
            {
                rows.start -= 1;
                height += before.height;
            }
            if let Some(after) = self.rows.get(rows.end)
                && after.tag == ' '
                && height + after.height <= MAX_ROWS
                && !ends_item
                && !after.text.trim().is_empty()
            {
                rows.end += 1;
                height += after.height;
            }
        }
        // A piece never begins with the end of what stands before it.
        while rows.start < changed.start && is_end(&self.rows[rows.start].text) {
            height -= self.rows[rows.start].height;
            rows.start += 1;
        }
        let mut shown = Vec::new();
        if let Some(at) = around {
            if self.shows(&rows, at, old) {
                height -= 1;
            } else {
                shown.push(self.item_row(at, old));
            }
        }
        shown.extend(self.rows[rows].iter().cloned());
        Piece { rows: shown, height, left_out: 0 }
    }

    /// The line of an item, as a row that is in both texts or in one.
    fn item_row(&self, at: usize, old: bool) -> Row {
        let found = self.rows.iter().find(|row| if old { row.old } else { row.new } == Some(at));
        let number = |is: bool| if is { Some(at) } else { None };
        let text = if old { self.old[at] } else { self.new[at] };
        Row {
            tag: '@',
            old: found.map_or(number(old), |row| row.old),
            new: found.map_or(number(!old), |row| row.new),
            text: text.to_string(),
            marks: Vec::new(),
            height: height(text),
            block: None,
        }
    }
}

/// The cheapest way to take `count` things apart into ranges that fit. `price` is what a cut before a thing costs,
/// `inside` what a range costs.
fn cheapest(
    count: usize,
    fits: impl Fn(&Range<usize>) -> bool,
    price: impl Fn(usize) -> u32,
    inside: impl Fn(&Range<usize>) -> u32,
) -> Vec<Range<usize>> {
    // For each end: the price up to it, and where its last range begins.
    let mut best: Vec<(u32, usize)> = vec![(0, 0)];
    for end in 1..=count {
        let ways = (0..end).rev().map(|start| start..end).take_while(&fits).map(|range| {
            let cut = if range.start == 0 { 0 } else { price(range.start) };
            (best[range.start].0 + cut + inside(&range), range.start)
        });
        let way = ways.min().unwrap_or((best[end - 1].0, end - 1));
        best.push(way);
    }
    let mut ranges = Vec::new();
    let mut end = count;
    while end > 0 {
        ranges.push(best[end].1..end);
        end = best[end].1;
    }
    ranges.reverse();
    ranges
}

/// What a cut between two lines costs: nothing between items, much between a comment and what it is about.
fn cut_price(path: &str, last: &str, next: &str) -> u32 {
    let (one, other) = (last.trim(), next.trim());
    let depth = 2 * (indent(next) / 4) as u32;
    if path == "lesson.txt" {
        return match (one, other) {
            _ if other.starts_with("#ko") => 40,
            _ if other.starts_with('#') => u32::from(one.starts_with('#')) * 20,
            _ if one.starts_with('#') => 30,
            _ => 8,
        };
    }
    let is_comment = |text: &str| {
        text.starts_with("//")
            || text.starts_with("#[")
            || !path.ends_with(".rs") && text.starts_with('#')
    };
    let closes = |text: &str| text.starts_with(['}', ')', ']']);
    match (one, other) {
        _ if one.is_empty() => {
            if other.is_empty() {
                20
            } else {
                depth
            }
        }
        _ if other.is_empty() => 12,
        ("//!" | "///" | "//" | "#", _) if is_comment(other) => 6,
        _ if is_comment(one) && is_comment(other) => 16,
        _ if is_comment(one) => 40,
        _ if is_comment(other) => 3 + depth,
        _ if closes(other) => 22 + depth,
        _ if one.ends_with(['{', '(', '[']) => 20 + depth,
        _ if closes(one) && indent(last) == indent(next) => 4 + depth,
        _ if one.ends_with(';') => 6 + depth,
        _ if one.ends_with(',') => 8 + depth,
        _ => 14 + depth,
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Whether a line of Rust begins a function, a type or the like.
fn is_item(line: &str) -> bool {
    let words = line.trim_start().split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    let mut words =
        words.filter(|word| !["pub", "crate", "async", "const", "unsafe", ""].contains(word));
    matches!(words.next(), Some("fn" | "impl" | "struct" | "enum" | "trait" | "mod"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ladder::Ladder;

    /// The pieces between two texts of Rust, each row with its tag.
    fn cut(old: &str, new: &str) -> Vec<Vec<String>> {
        let ladder = Ladder::find().unwrap();
        let stage = ladder.last().unwrap();
        let [old, new] = [old, new].map(|text| Some(text.to_string()));
        let pieces = pieces(&FileChange::new(stage, "src/a.rs", old, new));
        let row = |row: &Row| format!("{}{}", row.tag, row.text);
        pieces.iter().map(|piece| piece.rows.iter().map(row).collect()).collect()
    }

    fn function(name: &str, lines: usize) -> String {
        format!("/// Does it.\nfn {name}() {{\n{}}}\n", format!("    {name}();\n").repeat(lines))
    }

    #[test]
    fn long_lines_need_more_rows() {
        assert_eq!(height(""), 1);
        assert_eq!(height(&"x".repeat(100)), 1);
        assert_eq!(height(&"x".repeat(101)), 2);
        assert_eq!(height(&format!("    {}", "four ".repeat(20))), 2);
        // A Korean character is as wide as two others.
        assert_eq!(height(&"가".repeat(51)), 2);
    }

    #[test]
    fn a_new_function_is_a_whole_one() {
        let [one, two] = [function("one", 1), function("two", 1)];
        let pieces = cut(&one, &format!("{one}\n{two}"));
        assert_eq!(pieces, [["+", "+/// Does it.", "+fn two() {", "+    two();", "+}"]]);
        let three = function("three", 1);
        let pieces = cut(&format!("{one}\n{three}"), &format!("{one}\n{two}\n{three}"));
        assert_eq!(pieces, [["+/// Does it.", "+fn two() {", "+    two();", "+}", "+"]]);
    }

    #[test]
    fn a_long_text_is_cut_between_functions_and_a_longer_one_names_its_function() {
        let [one, two] = [function("one", 8), function("two", 30)];
        let pieces = cut("", &format!("{one}\n{two}"));
        assert_eq!(pieces[0].len(), 12, "{pieces:?}");
        assert_eq!(pieces[1][0], "+/// Does it.");
        assert!(pieces[2..].iter().all(|piece| piece[0] == "@fn two() {"), "{pieces:?}");
    }

    #[test]
    fn a_replaced_line_stands_beside_the_new_one() {
        let old: String =
            (0..12).map(|number| format!("let name_{number} = old(number, {number});\n")).collect();
        let pieces = cut(&old, &old.replace("old", "new"));
        assert_eq!(pieces.len(), 2);
        for piece in pieces {
            let side = |tag: char| {
                piece.iter().filter(move |row| row.starts_with(tag)).map(|row| row[1..].to_string())
            };
            let old: Vec<String> = side('-').map(|row| row.replace("old", "new")).collect();
            assert_eq!(old, side('+').collect::<Vec<_>>());
        }
    }

    #[test]
    fn much_that_is_gone_is_counted() {
        let ladder = Ladder::find().unwrap();
        let old = Some(
            (0..9).map(|number| function(&format!("f{number}"), 8) + "\n").collect::<String>(),
        );
        let change = FileChange::new(ladder.last().unwrap(), "src/a.rs", old, None);
        let pieces = pieces(&change);
        let [piece] = &pieces[..] else { panic!("{} pieces", pieces.len()) };
        assert_eq!(piece.rows.len() + piece.left_out, 9 * 12);
    }
}
