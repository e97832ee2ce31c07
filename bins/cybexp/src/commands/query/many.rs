//! Many questions out of a file.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use cybexp_service::{Config, EXIT_FAILED};
use cybexp_term as term;
use serde_json::{Value, json};

use super::Ask;

pub(super) async fn run(file: &Path, ask: &Ask, config: &Config) -> anyhow::Result<ExitCode> {
    let text = super::super::read_text(file)?;
    let mut questions = read(&text).with_context(|| file.display().to_string())?;
    let shown = questions.clone();
    if ask.redo {
        questions
            .iter_mut()
            .for_each(|question| question["redo"] = json!(true));
    }
    let client = ask.api.client(config)?;
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

/// A JSON list, or a question to a line.
fn read(text: &str) -> anyhow::Result<Vec<Value>> {
    let questions = match serde_json::from_str(text) {
        Ok(Value::Array(questions)) => questions,
        Ok(question @ Value::Object(_)) => vec![question],
        _ => {
            let lines = text
                .lines()
                .enumerate()
                .filter(|(_, line)| !line.trim().is_empty());
            let questions = lines.map(|(n, line)| {
                serde_json::from_str(line).with_context(|| format!("line {}", n + 1))
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

fn table(questions: &[Value], answers: &[Value]) {
    let mut table = term::table(&["type", "about", "answer"]);
    for (question, answer) in questions.iter().zip(answers) {
        let (data, body) = (&question["data"], &answer["body"]);
        let about = match &data["data"] {
            Value::Null => term::value(&data["_hash"]),
            value => format!("{} {}", term::value(&data["sub_type"]), term::value(value)),
        };
        let told = match answer["status"].as_u64() {
            Some(201) => match question["type"].as_str() {
                Some("count") => body["data"]["count"].to_string(),
                Some("threatrank") => body["data"]["score"].to_string(),
                _ => term::value(&body["data"]),
            },
            _ => term::value(&body["message"]),
        };
        table.add_row([term::value(&question["type"]), about, told]);
    }
    anstream::println!("{table}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_stand_in_a_list_or_one_to_a_line() {
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
}
