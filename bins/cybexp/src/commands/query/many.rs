//! Many questions from a file, or a list of indicators.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use cybexp_filters::vocabulary;
use cybexp_service::{Config, EXIT_FAILED};
use cybexp_term as term;
use serde_json::{Value, json};

use super::show::when;
use super::{Ask, ListQuestion, name};

/// Asks all questions of a file; `qtype` is what is asked of the indicators in it.
pub(super) async fn run(
    file: &Path,
    qtype: ListQuestion,
    ask: &Ask,
    config: &Config,
) -> anyhow::Result<ExitCode> {
    let text = super::super::text::read_text(file)?;
    let mut questions = read(&text, qtype).with_context(|| file.display().to_string())?;
    let shown = questions.clone();
    if ask.redo {
        questions
            .iter_mut()
            .for_each(|question| question["redo"] = json!(true));
    }
    let client = ask.api.client(config).await?;
    let wait = Duration::from_secs(ask.wait);
    let answers = client.ask_many(questions, wait).await?;
    let good = answers.iter().all(|answer| answer["status"] == 201);
    match ask.json {
        true => anstream::println!("{}", term::json(&Value::Array(answers))),
        false => table(&shown, &answers),
    }
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_FAILED)
    })
}

/// Reads a JSON list, or a question or an indicator from each line. Lines that begin with `#` are skipped.
fn read(text: &str, qtype: ListQuestion) -> anyhow::Result<Vec<Value>> {
    let questions = match serde_json::from_str(text) {
        Ok(Value::Array(questions)) => questions,
        Ok(question @ Value::Object(_)) => vec![question],
        _ => {
            let lines = text.trim_start_matches('\u{feff}').lines().enumerate();
            let lines = lines.map(|(n, line)| (n + 1, line.trim()));
            let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
            let questions = lines.map(|(n, line)| match line.starts_with('{') {
                true => serde_json::from_str(line).with_context(|| format!("line {n}")),
                false => Ok(about(line, qtype)),
            });
            questions.collect::<anyhow::Result<_>>()?
        }
    };
    for (n, question) in questions.iter().enumerate() {
        ensure!(
            question.is_object(),
            "question {}: is not a JSON object",
            n + 1
        );
    }
    Ok(questions)
}

/// Makes the question about an indicator, whose sub_type is guessed from its form.
fn about(indicator: &str, qtype: ListQuestion) -> Value {
    let sub_type = vocabulary::guess(indicator);
    let data = json!({"sub_type": sub_type.as_str(), "data": indicator});
    json!({"type": name(qtype), "data": data})
}

fn table(questions: &[Value], answers: &[Value]) {
    let mut table = term::table(&["type", "about", "answer", "first seen", "last seen"]);
    for (question, answer) in questions.iter().zip(answers) {
        let (data, body) = (&question["data"], &answer["body"]);
        let about = match &data["data"] {
            Value::Null => term::value(&data["_hash"]),
            value => format!("{} {}", term::value(&data["sub_type"]), term::value(value)),
        };
        let told = match answer["status"].as_u64() {
            Some(201) => match question["type"].as_str() {
                Some("threatrank") => body["data"]["score"].to_string(),
                Some("related") => values(&body["data"]),
                Some("timeline") => body["total"].to_string(),
                Some("session") => format!("{} events", body["total"]),
                _ => term::value(&body["data"]),
            },
            _ => term::value(&body["message"]),
        };
        let (first, last) = (when(&body["first_seen"]), when(&body["last_seen"]));
        table.add_row([term::value(&question["type"]), about, told, first, last]);
    }
    anstream::println!("{table}");
}

/// Returns the number of values of each sub_type.
fn values(summary: &Value) -> String {
    let Some(by_type) = summary.as_object() else {
        return term::value(summary);
    };
    let counts = by_type.iter().map(|(sub_type, values)| {
        let count = values.as_array().map_or(0, Vec::len);
        format!("{count} {}", term::short(sub_type))
    });
    counts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_stand_in_a_list_or_one_to_a_line() {
        let read = |text: &str| read(text, ListQuestion::Count);
        let (first, second) = (
            json!({"type": "count", "data": {}}),
            json!({"type": "related"}),
        );
        let expected = vec![first.clone(), second.clone()];
        let list = json!(&expected).to_string();
        assert_eq!(read(&list).unwrap(), expected);
        assert_eq!(read(&format!("{first}\n\n{second}\n")).unwrap(), expected);
        assert_eq!(read(&first.to_string()).unwrap(), [first]);
        let error = read("{}\n{").unwrap_err();
        assert!(format!("{error:#}").starts_with("line 2: "), "{error:#}");
        assert!(read("[7]").is_err());
    }

    #[test]
    fn indicators_stand_one_to_a_line() {
        let list = "\u{feff}# from a colleague\r\n203.0.113.9\r\n\r\nevil[.]example\r\n{\"type\": \"related\"}\n12";
        let of = |sub_type: &str, data: &str| json!({"type": "count", "data": {"sub_type": sub_type, "data": data}});
        assert_eq!(
            read(list, ListQuestion::Count).unwrap(),
            [
                of("ip", "203.0.113.9"),
                of("domain", "evil[.]example"),
                json!({"type": "related"}),
                of("shell_command", "12"),
            ]
        );
        assert_eq!(
            read("a.example", ListQuestion::Related).unwrap()[0]["type"],
            "related"
        );
    }
}
