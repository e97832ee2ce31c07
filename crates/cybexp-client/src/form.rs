//! The form of a submission: the only place that knows the fields of `POST /raw`.

use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};

use tahoe_core::SubmissionTags;

/// The body of a request, and its content type.
#[derive(Debug)]
pub(crate) struct SubmissionForm {
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

/// The bytes of a part beside its content, about.
const PART_BYTES: usize = 128;

impl SubmissionForm {
    /// Makes the form of a submission of one record or many.
    pub(crate) fn new<R: AsRef<[u8]>>(tags: &SubmissionTags, name: &str, records: &[R]) -> Self {
        let boundary = boundary();
        let bytes = records
            .iter()
            .map(|record| record.as_ref().len() + PART_BYTES);
        let mut body = Vec::with_capacity(bytes.sum::<usize>() + 8 * PART_BYTES);
        let fields = [
            // the fields that can be refused without the records come before them
            ("orgid", &*tags.orgid),
            ("typetag", &*tags.typetag),
            ("timezone", &*tags.timezone),
            ("name", name),
        ];
        // a Python API refuses fields that it does not know
        let tlp = tags.tlp.map(|tlp| ("tlp", tlp.as_str()));
        for (field, text) in fields.into_iter().chain(tlp) {
            part(
                &mut body,
                &boundary,
                &format!("name=\"{field}\""),
                text.as_bytes(),
            );
        }
        // the Python API takes a part for a file only if it has a name
        let file = match records {
            [_] => format!("name=\"file\"; filename=\"{}\"", escaped(name)),
            _ => "name=\"file\"".to_owned(),
        };
        for record in records {
            part(&mut body, &boundary, &file, record.as_ref());
        }
        body.extend(format!("--{boundary}--\r\n").into_bytes());
        Self {
            content_type: format!("multipart/form-data; boundary={boundary}"),
            body,
        }
    }
}

fn part(body: &mut Vec<u8>, boundary: &str, disposition: &str, content: &[u8]) {
    for piece in [
        "--",
        boundary,
        "\r\nContent-Disposition: form-data; ",
        disposition,
        "\r\n\r\n",
    ] {
        body.extend_from_slice(piece.as_bytes());
    }
    body.extend_from_slice(content);
    body.extend_from_slice(b"\r\n");
}

/// Makes a boundary that nobody can foresee, so that no record contains it.
fn boundary() -> String {
    let random = || RandomState::new().hash_one(());
    format!("{:016x}{:016x}", random(), random())
}

/// Escapes a file name as browsers do (WHATWG HTML, multipart/form-data encoding algorithm).
fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '"' | '\r' | '\n' => {
                let _ = write!(escaped, "%{:02X}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(name: &str, records: &[&[u8]]) -> String {
        let tags = SubmissionTags {
            typetag: "cowrie".to_owned(),
            orgid: "o".to_owned(),
            timezone: "UTC".to_owned(),
            tlp: None,
        };
        let form = SubmissionForm::new(&tags, name, records);
        let boundary = form.content_type.rsplit_once('=').unwrap().1;
        String::from_utf8(form.body).unwrap().replace(boundary, "B")
    }

    #[test]
    fn a_record_has_the_name_of_its_file_and_many_have_none() {
        let fields = "--B\r\nContent-Disposition: form-data; name=\"orgid\"\r\n\r\no\r\n\
            --B\r\nContent-Disposition: form-data; name=\"typetag\"\r\n\r\ncowrie\r\n\
            --B\r\nContent-Disposition: form-data; name=\"timezone\"\r\n\r\nUTC\r\n";
        let file = "--B\r\nContent-Disposition: form-data; name=\"file\"";
        assert_eq!(
            form("a\"\r\n.json", &[b"{}"]),
            format!(
                "{fields}--B\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\na\"\r\n.json\r\n\
                 {file}; filename=\"a%22%0D%0A.json\"\r\n\r\n{{}}\r\n--B--\r\n"
            )
        );
        assert_eq!(
            form("a", &[b"1", b""]),
            format!(
                "{fields}--B\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\na\r\n\
                 {file}\r\n\r\n1\r\n{file}\r\n\r\n\r\n--B--\r\n"
            )
        );
    }

    #[test]
    fn boundaries_differ() {
        assert_ne!(boundary(), boundary());
        assert_eq!(boundary().len(), 32);
    }
}
