//! The kinds of parts: type, file name, and how their content is read.

use super::parameters::ContentField;
use super::words;

/// The longest file name in bytes, as in most file systems.
const FILENAME_BYTES: usize = 255;
/// The longest type in bytes: 127 on either side of the slash (RFC 6838).
const MIME_TYPE_BYTES: usize = 255;

/// The way in which the content of a part is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartKind {
    /// Text, read unchanged.
    Plain,
    /// HTML, SVG and XML: text with links.
    Html,
    /// iCalendar and vCard: text with folded lines.
    Calendar,
    /// A mail, or a page saved as one.
    Mail,
    /// Content that is not read.
    Other,
}

/// Returns the form of a part with this Content-Type. The file name decides where the type is too general.
pub(super) fn form(content_type: &str, filename: Option<&str>) -> PartKind {
    let (kind, sub) = content_type.split_once('/').unwrap_or((content_type, ""));
    match (kind, sub) {
        ("message", "rfc822" | "global") => PartKind::Mail,
        ("message", _) => PartKind::Plain,
        ("text", "html") | ("image", "svg" | "svg+xml") => PartKind::Html,
        ("application" | "text", "xhtml" | "xhtml+xml" | "xml") => PartKind::Html,
        ("text" | "application", "calendar" | "ics" | "vcard" | "x-vcard" | "directory") => {
            PartKind::Calendar
        }
        ("application", "json" | "javascript" | "x-javascript" | "ecmascript") => PartKind::Plain,
        ("" | "text" | "multipart", _) => by_name(filename).unwrap_or(PartKind::Plain),
        _ => by_name(filename).unwrap_or(PartKind::Other),
    }
}

fn by_name(filename: Option<&str>) -> Option<PartKind> {
    let (_, extension) = filename?.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" | "shtml" | "shtm" | "xhtml" | "xht" | "svg" | "xml" | "hta" => {
            PartKind::Html
        }
        "ics" | "ical" | "vcf" | "vcs" => PartKind::Calendar,
        "eml" | "mht" | "mhtml" => PartKind::Mail,
        "txt" | "csv" | "log" | "md" | "json" | "js" | "vbs" | "ps1" | "bat" | "cmd" | "url"
        | "rtf" => PartKind::Plain,
        _ => return None,
    })
}

/// Whether a part of this type, without a file name, is text of the mail rather than an attachment.
pub(super) fn is_body(content_type: &str) -> bool {
    matches!(
        content_type,
        "" | "text" | "text/" | "text/plain" | "text/html"
    )
}

/// Returns the type to keep: as the sender wrote it, if it is a possible type.
pub(super) fn mime_type(content_type: &str) -> String {
    if content_type.is_empty() {
        return "text/plain".to_owned();
    }
    let is_whole = content_type.len() <= MIME_TYPE_BYTES
        && content_type
            .split_once('/')
            .is_some_and(|(kind, sub)| !kind.is_empty() && !sub.is_empty());
    if is_whole {
        content_type.to_owned()
    } else {
        "application/octet-stream".to_owned()
    }
}

/// Returns the file name that the sender gave a part.
pub(super) fn filename(disposition: &ContentField, content_type: &ContentField) -> Option<String> {
    let given = disposition
        .get("filename")
        .or_else(|| content_type.get("name"))?;
    last_segment(&words::decoded(given))
}

/// Returns the last segment of a name. The path before it is not kept, because it belongs to the sender's machine.
pub(super) fn last_segment(name: &str) -> Option<String> {
    let mut segments = name.rsplit(['/', '\\']).map(str::trim);
    let name = segments.find(|segment| !segment.is_empty())?;
    let name = name[..name.floor_char_boundary(FILENAME_BYTES)].trim_end();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (content_type, name, expected) in [
            ("", None, PartKind::Plain),
            ("text/plain", Some("a.html"), PartKind::Html),
            ("text/html", Some("a.txt"), PartKind::Html),
            (
                "application/octet-stream",
                Some("Invoice.HTM"),
                PartKind::Html,
            ),
            ("application/octet-stream", Some("a.eml"), PartKind::Mail),
            ("application/octet-stream", Some("a.zip"), PartKind::Other),
            ("application/octet-stream", None, PartKind::Other),
            ("image/svg+xml", None, PartKind::Html),
            ("image/png", None, PartKind::Other),
            ("text/calendar", None, PartKind::Calendar),
            ("message/rfc822", None, PartKind::Mail),
            ("message/delivery-status", None, PartKind::Plain),
            ("nonsense", None, PartKind::Other),
        ] {
            assert_eq!(
                form(content_type, name),
                expected,
                "{content_type} {name:?}"
            );
        }
    }

    #[test]
    fn names_without_their_path() {
        for (given, expected) in [
            ("C:\\TEMP\\notes.png", Some("notes.png")),
            ("../../etc/passwd", Some("passwd")),
            ("dir/", Some("dir")),
            (" a b.pdf ", Some("a b.pdf")),
            ("//", None),
            ("", None),
        ] {
            assert_eq!(last_segment(given).as_deref(), expected, "{given}");
        }
    }
}
