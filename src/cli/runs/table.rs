//! Runs as a table; where a terminal is too narrow for it, as a few lines each.

use owo_colors::OwoColorize;

use super::super::figures::span;
use super::super::standing::Standing;
use super::super::text::plain;
use crate::chain::stamp::Millis;

const HEADINGS: [&str; 9] = ["RUN", "STATE", "STEPS", "TIME", "BEGAN", "CHAIN", "TENANT", "QUEUE", "WORKER"];
/// Between two columns of the table.
const GAP: usize = 2;

/// The lines for so many columns.
pub(super) fn lines(runs: &[Standing], now: Millis, columns: usize) -> Vec<String> {
    let rows: Vec<Row> = runs.iter().map(|run| Row::of(run, now)).collect();
    let widest = |column: usize| {
        let cells = rows.iter().map(|row| wide(&row.cells[column]));
        cells.chain([HEADINGS[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEADINGS.len()).map(widest).collect();
    // A sign and a blank before them.
    let table = 2 + widths.iter().sum::<usize>() + GAP * (HEADINGS.len() - 1);
    if table > columns {
        return rows.iter().flat_map(Row::block).collect();
    }
    let heading = padded(&HEADINGS.map(str::to_owned), &widths);
    let mut lines = vec![format!("  {}", heading.join("").trim_end().dimmed())];
    lines.extend(rows.iter().map(|row| row.line(&widths)));
    lines
}

/// One run; its cells are fit for a terminal and have no colours.
struct Row {
    sign: String,
    cells: [String; HEADINGS.len()],
}

impl Row {
    fn of(run: &Standing, now: Millis) -> Self {
        let text = |text: &Option<String>| text.as_ref().map(plain).unwrap_or_default();
        let cells = [
            plain(&run.run_id),
            run.words(now),
            run.steps(),
            run.took(now).map(span).unwrap_or_default(),
            run.accepted_at.map(began).unwrap_or_default(),
            text(&run.chain_id),
            text(&run.tenant),
            plain(&run.queue),
            text(&run.worker),
        ];
        Self { sign: run.sign(), cells }
    }

    fn line(&self, widths: &[usize]) -> String {
        let cells = padded(&self.cells, widths);
        format!("{} {}{}", self.sign, cells[0].bold(), cells[1..].join("").trim_end())
    }

    fn block(&self) -> Vec<String> {
        let [run, state, steps, time, began, rest @ ..] = &self.cells;
        let figures = [steps, time, began].map(String::as_str);
        let rest = rest.each_ref().map(String::as_str);
        let joined =
            |parts: &[&str]| parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" · ");
        let lines = [state.clone(), joined(&figures), joined(&rest).dimmed().to_string()];
        let lines = lines.into_iter().filter(|line| !line.is_empty()).map(|line| format!("    {line}"));
        std::iter::once(format!("{} {}", self.sign, run.bold())).chain(lines).collect()
    }
}

fn wide(text: &str) -> usize {
    text.chars().count()
}

/// The cells with what is between them and the next ones.
fn padded(cells: &[String], widths: &[usize]) -> Vec<String> {
    cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<0$}", width + GAP)).collect()
}

/// `2026-11-21 15:46:02Z`: to the second.
fn began(at: Millis) -> String {
    let text = at.to_string();
    text.split_once('.').map_or_else(|| text.clone(), |(seconds, _)| format!("{}Z", seconds.replace('T', " ")))
}
