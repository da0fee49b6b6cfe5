//! What is wrong with a definition. `check` shows it in its source: that is its author's own file on its author's screen, the only place
//! where a problem is seen together with what the message says. Commands that run in scripts, whose words end in logs, name places
//! and rules only.

use owo_colors::OwoColorize;

use super::super::figures::count;
use super::super::page;
use super::super::text::{plain, wrapped};
use super::excerpt::{Excerpt, LINES, Mark, excerpt};
use crate::chain::Problem;
use crate::chain::problem::Problems;

/// Fewer columns than that are taken for so many, and more as well: long lines read badly.
const COLUMNS: std::ops::RangeInclusive<usize> = 40..=100;
const ERROR: &str = "error: ";
/// Between the line number and the source: ` │ `.
const GUTTER: usize = 3;

/// Every problem with its lines of the source, and how many there are.
pub(super) fn print_problems(file: &str, source: &[u8], problems: &Problems) {
    let columns = page::columns_of(&std::io::stderr());
    for problem in problems.list() {
        say!("{}\n", shown(file, source, problem, columns));
    }
    say!("{} {file}: {}", "✖".red(), total(problems));
}

/// Every problem on a line of its own, in a form that editors jump to.
pub(crate) fn print_short(file: &str, problems: &Problems) {
    for problem in problems.list() {
        let allowed = problem.allowed.as_ref().map(|allowed| format!(" (allowed: {})", plain(allowed)));
        say!(
            "{file}:{}:{}: {} {}{}",
            problem.line,
            problem.column,
            place(problem).bold(),
            plain(&problem.what),
            allowed.unwrap_or_default().dimmed()
        );
    }
    if problems.more() > 0 {
        say!("{file}: and {} more", problems.more());
    }
}

/// In short, with how many there are and who shows them in their source.
pub(crate) fn print_and_point(file: &str, problems: &Problems) {
    print_short(file, problems);
    let path = if file == "<stdin>" { "-" } else { file };
    say!("{} {file}: {}; cxchain check {path} shows each in its source", "✖".red(), total(problems));
}

/// `3 problems`.
pub(super) fn total(problems: &Problems) -> String {
    let shown = if problems.more() > 0 {
        format!(", the first {} of them shown", problems.list().len())
    } else {
        String::new()
    };
    format!("{}{shown}", count(problems.total() as u64, "problem"))
}

fn place(problem: &Problem) -> String {
    if problem.pointer.is_empty() { "the message".into() } else { plain(&problem.pointer) }
}

/// One problem for so many columns, with colours.
fn shown(file: &str, source: &[u8], problem: &Problem, columns: usize) -> String {
    let columns = columns.clamp(*COLUMNS.start(), *COLUMNS.end());
    // The last line that is shown can have more digits than the first.
    let digits = (problem.line + LINES).to_string().len();
    let room = columns - digits - GUTTER;
    let (what, remark) = problem.parts();
    let mut remark = remark.map(plain);
    let title = wrapped(&format!("{} {}", place(problem), plain(what)), columns - ERROR.len());
    let mut lines = vec![format!("{}{}", ERROR.red().bold(), title.join(&format!("\n{:1$}", "", ERROR.len())).bold())];
    lines.push(format!("{:digits$} {} {file}:{}:{}", "", "╭▸".blue(), problem.line, problem.column));
    // With the blank before it.
    let label = remark.as_ref().map_or(0, |remark| remark.chars().count() + 1);
    let excerpt = excerpt(source, &problem.span, problem.line, (room, label)).filter(|_| !problem.is_of_message());
    lines.extend(excerpt.iter().flat_map(|excerpt| quoted(excerpt, &mut remark, digits)));
    let allowed = problem.allowed.as_ref().map(|allowed| format!("allowed: {}", plain(allowed)));
    let mut notes = [remark, allowed].into_iter().flatten().peekable();
    while let Some(note) = notes.next() {
        let (begins, goes_on) = if notes.peek().is_some() { ("├", "│") } else { ("╰", " ") };
        for (n, line) in wrapped(&note, room).into_iter().enumerate() {
            let bar = if n == 0 { begins } else { goes_on };
            lines.push(format!("{:digits$} {} {line}", "", bar.blue()));
        }
    }
    lines.join("\n")
}

/// The lines of the source with what is marked in them, and `remark` if it fits beside the mark.
fn quoted(excerpt: &Excerpt, remark: &mut Option<String>, digits: usize) -> Vec<String> {
    let last = excerpt.lines.len() - 1;
    let numbered = |(n, line): (usize, &String)| {
        let bracket = match excerpt.mark {
            Mark::Part { .. } => "",
            Mark::Lines if n == 0 => "╭ ",
            Mark::Lines if n == last => "╰ ",
            Mark::Lines => "│ ",
        };
        let number = excerpt.first_line + n;
        let line = if bracket.is_empty() { line.clone() } else { format!("{}{line}", bracket.red()) };
        format!("{:>digits$} {} {line}", number.blue(), "│".blue()).trim_end().to_owned()
    };
    let mut lines: Vec<String> = excerpt.lines.iter().enumerate().map(numbered).collect();
    if let Mark::Part { before, wide, room, ends_on } = excerpt.mark {
        let fits = |text: &String| text.chars().count() < room;
        let label = match remark {
            Some(text) if fits(text) => remark.take(),
            Some(_) => None,
            None => ends_on.map(|line| format!("up to line {line}")).filter(fits),
        };
        let mark = format!("{} {}", "^".repeat(wide), label.unwrap_or_default());
        lines.push(format!("{:digits$} {} {:before$}{}", "", "│".blue(), "", mark.trim_end().red().bold()));
    }
    lines
}

#[cfg(test)]
mod tests;
