//! What the pages say still holds, as far as that is cheap to see: links lead somewhere, commands parse, examples are what they
//! are said to be.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Parser;
use cxchain::app;
use cxchain::chain::TenantName;
use cxchain::chain::canonical::canonical;
use cxchain::chain::check::{Catalogue, Submission, check};
use cxchain::chain::hash::sha256_hex;
use cxchain::chain::log::Event;
use cxchain::cli::Arguments;
use cxchain::config::Config;
use serde_json::Value;

const PAGES: [&str; 10] = [
    "README.md",
    "CHANGELOG.md",
    "docs/ACTIONS.md",
    "docs/ARCHITECTURE.md",
    "docs/CONFIG.md",
    "docs/DEPLOY.md",
    "docs/EXPRESSIONS.md",
    "docs/MESSAGES.md",
    "docs/OPERATIONS.md",
    "docs/PRESETS.md",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The blocks between fences that begin with ```` ```language ````.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_page_is_looked_at() {
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in ["", "docs"] {
        let entries = std::fs::read_dir(root().join(folder)).unwrap();
        let pages = entries.map(|entry| Path::new(folder).join(entry.unwrap().file_name()));
        found.extend(pages.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    let found: BTreeSet<String> = found.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    assert_eq!(found, PAGES.map(str::to_owned).into());
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut broken = Vec::new();
    for name in PAGES {
        let text = page(name);
        let folder = Path::new(name).parent().unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { PathBuf::from(name) } else { folder.join(file) };
            let there = root().join(&target).exists();
            let found = there && (anchor.is_empty() || has_anchor(&root().join(target), anchor));
            if !found {
                broken.push(format!("{name}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere: {broken:#?}");
}

/// Whether a heading of the page gets `anchor`, after the rule that hosting sites share: lower case, blanks to hyphens, no
/// punctuation.
fn has_anchor(path: &Path, anchor: &str) -> bool {
    let text = std::fs::read_to_string(path).expect("a page that is linked to");
    text.lines().filter(|line| line.starts_with('#')).any(|line| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>() == anchor
    })
}

#[test]
fn every_configuration_that_is_shown_is_good() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "shown").unwrap();
    let shown = blocks(&page("docs/PRESETS.md"), "toml");
    // Within a list they are indented, and what the fence leaves before its end is blanks.
    assert!(shown.len() >= 4, "{shown:?}");
    for block in shown {
        let mut text = block.replace("/run/secrets/", "SECRET/");
        while let Some(at) = text.find("\"SECRET/") {
            let end = at + 1 + text[at + 1..].find('"').unwrap();
            text.replace_range(at + 1..end, secret.path().to_str().unwrap());
        }
        if !text.contains("[tenants.default]") {
            text = format!("[tenants.default]\napi = \"cxone\"\n{text}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &text).unwrap();
        let loaded = Config::load(Some(file.path()), Vec::<(String, String)>::new());
        let config = loaded.unwrap_or_else(|problems| panic!("{text}\n{problems}"));
        assert_eq!(config.tenants.values().flat_map(|tenant| tenant.auth.lacks()).count(), 0, "{text}");
    }
}

#[test]
fn every_command_that_is_shown_parses() {
    let makefile = page("Makefile");
    let text = page("README.md") + &page("docs/DEPLOY.md") + &page("docs/PRESETS.md");
    let inline = text.split('`').skip(1).step_by(2).filter(|code| code.starts_with("cxchain ")).map(str::to_owned);
    let shell = blocks(&text, "sh").into_iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
    let mut commands = 0;
    for line in shell.chain(inline) {
        let words = words(&line);
        match words.first().map(String::as_str) {
            Some("cxchain") => {
                commands += 1;
                let parsed = Arguments::try_parse_from(&words);
                // A command that is only named, such as `cxchain topology`, lacks what it needs and is one all the same.
                let named = |error: &clap::Error| {
                    use clap::error::ErrorKind::{
                        DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, MissingRequiredArgument,
                    };
                    matches!(
                        error.kind(),
                        DisplayHelp | DisplayHelpOnMissingArgumentOrSubcommand | MissingRequiredArgument
                    )
                };
                if let Err(error) = parsed {
                    assert!(named(&error), "{line}\n{error}");
                }
            }
            Some("make") => {
                let target = format!("\n{}:", words[1]);
                assert!(makefile.contains(&target), "{line}: there is no such target");
            }
            Some(script) if script.starts_with("deploy/") => {
                assert!(root().join(script).exists(), "{line}: there is no such script");
            }
            Some(_) | None => {}
        }
    }
    assert!(commands >= 5, "{commands} commands were found");
}

/// The words of a simple command, up to what the shell would take for itself.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in line.split_whitespace() {
        if word.starts_with(['>', '|', '&', '#', ';', '<']) || word == "2>" {
            break;
        }
        words.push(word.trim_matches('\'').to_owned());
    }
    words
}

#[test]
fn every_chain_that_is_shown_is_one() {
    let here_document = |text: &str| {
        text.split("<<'JSON'\n").skip(1).filter_map(|rest| rest.split("\nJSON\n").next()).map(str::to_owned).collect()
    };
    let mut chains: Vec<String> = here_document(&page("README.md"));
    chains.extend(blocks(&page("docs/MESSAGES.md"), "json").into_iter().filter(|block| block.contains("\"steps\":")));
    assert_eq!(chains.len(), 3);
    assert_eq!(parsed(&chains[0]), parsed(&chains[1]), "README and MESSAGES show the same chain");
    let steps = blocks(&page("docs/MESSAGES.md"), "json").into_iter().filter(|block| block.contains("\"fallback\":"));
    let before = chains.len();
    chains.extend(steps.map(|step| format!(r#"{{"chain_id": "shown", "steps": [{step}]}}"#)));
    assert_eq!(chains.len(), before + 2, "a fallback that calls, and one with an output");
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            chains.push(std::fs::read_to_string(path).unwrap());
        }
    }
    let tenant = TenantName::parse("default").unwrap();
    for body in &chains {
        let submission = Submission { body: body.as_bytes(), message_id: None, queue_tenant: &tenant };
        let checked = check(&submission, &Catalogue::any());
        assert!(checked.is_ok(), "{body}\n{}", checked.unwrap_err());
    }
}

/// The page about actions shows a configuration, a schema and a chain that go together.
#[test]
fn the_actions_that_are_shown_work_as_they_are_shown() {
    let text = page("docs/ACTIONS.md");
    let [schema, chain] = &blocks(&text, "json")[..] else { panic!("a schema and a chain") };
    let folder = tempfile::tempdir().unwrap();
    let schema_file = folder.path().join("start-script.json");
    std::fs::write(&schema_file, schema).unwrap();
    let toml = blocks(&text, "toml").concat().replace("schemas/start-script.json", &schema_file.display().to_string());
    let file = folder.path().join("c.toml");
    std::fs::write(&file, toml).unwrap();
    let config = Config::load(Some(&file), Vec::<(String, String)>::new()).unwrap();
    let tenant = TenantName::parse("default").unwrap();
    let checked = |body: &str| {
        let submission = Submission { body: body.as_bytes(), message_id: None, queue_tenant: &tenant };
        check(&submission, &app::catalogue(&config)).map_err(|rejection| rejection.problems.to_string())
    };
    let chain_ok = checked(chain).unwrap();
    assert!(!chain_ok.steps[2].operation(false).unwrap().idempotent, "a PUT is not repeated by itself");
    let wrong = chain.replace("4711", "\"4711\"").replace("\"p1\": \"verified\", ", "");
    let problems = checked(&wrong).unwrap_err();
    assert!(problems.contains("/steps/0/payload/skillId") && problems.contains("has no p1"), "{problems}");
}

/// The customer's own words, wherever they are shown.
#[test]
fn the_customers_chain_is_shown_as_it_is() {
    let own = parsed(&page("examples/customer-sync.json"));
    for name in PAGES {
        for block in blocks(&page(name), "json").iter().filter(|block| block.contains("cust-data-sync-001")) {
            assert_eq!(parsed(block), own, "{name}");
        }
    }
}

/// Each event has the hash that it states; the first follows the definition, and the result ends where the last does.
#[test]
fn the_events_that_are_shown_are_real() {
    let text = page("docs/MESSAGES.md");
    let shown: Vec<Value> = blocks(&text, "json").iter().map(|block| parsed(block)).collect();
    let events: Vec<&Value> = shown.iter().filter(|value| value["event"].is_string()).collect();
    assert_eq!(events.len(), 6, "one of each kind");
    for event in &events {
        assert!(serde_json::from_value::<Event>((*event).clone()).is_ok(), "{event}");
        let mut form = (*event).clone();
        let stated = form.as_object_mut().unwrap().remove("hash").unwrap();
        assert_eq!(stated, sha256_hex(canonical(&form).as_bytes()), "{}", event["event_id"]);
    }
    let definition = shown.iter().find(|value| value["steps"].is_array()).unwrap();
    let accepted = events.iter().find(|event| event["event"] == "run.accepted").unwrap();
    assert_eq!(accepted["definition_hash"], sha256_hex(canonical(definition).as_bytes()));
    let finished = events.iter().find(|event| event["event"] == "run.finished").unwrap();
    let result = shown.iter().find(|value| value["schema"] == "cxchain.result.v1").unwrap();
    assert_eq!(result["audit_head"]["hash"], finished["hash"]);
    assert!(text.contains(&format!("head {}", finished["hash"].as_str().unwrap())), "what verify.py prints");
}

/// Whoever reads an example finds every field of it explained.
#[test]
fn every_field_that_is_shown_is_explained() {
    let text = page("docs/MESSAGES.md");
    let explained: BTreeSet<&str> = text.split('`').skip(1).step_by(2).collect();
    let mut fields = BTreeSet::new();
    for block in blocks(&text, "json") {
        collect_fields(&parsed(&block), &mut fields);
    }
    let missing: Vec<_> = fields.iter().filter(|field| !explained.contains(field.as_str())).collect();
    assert!(missing.is_empty(), "fields of examples in docs/MESSAGES.md that no table explains: {missing:?}");
}

fn collect_fields(value: &Value, fields: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                fields.insert(name.clone());
                // What is in there is the user's.
                if !matches!(name.as_str(), "payload" | "metadata" | "response_data" | "retry") {
                    collect_fields(value, fields);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_fields(item, fields)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}
