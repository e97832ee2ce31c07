//! Short texts of the driver's errors, for the people who run the suite.

use mongodb::error::{Error, ErrorKind};

/// The longest reason, in characters: a server's message may quote a whole document.
const LONGEST: usize = 400;

/// Returns the reason on one line. Left out are parts that only the driver's authors understand: the topology, labels,
/// and the server's reply beside its message.
pub(crate) fn essence(error: &Error) -> String {
    one_line(&match &*error.kind {
        ErrorKind::ServerSelection { message, .. } => {
            format!("nobody answers: {}", cause(message))
        }
        ErrorKind::ConnectionPoolCleared { message, .. } => {
            format!("the connection is lost: {}", cause(message))
        }
        ErrorKind::Command(command) => command.message.clone(),
        ErrorKind::Authentication { message, .. } => message.clone(),
        kind => kind.to_string(),
    })
}

/// Returns the innermost cause that a message of the driver quotes as `… Error: Kind: CAUSE, labels: …`. In a topology,
/// that is the cause of its last server. If the message quotes none, returns the text before the topology.
fn cause(message: &str) -> &str {
    let told = message
        .rsplit_once("Kind: ")
        .map_or(message, |(_, told)| told);
    let told = told.split_once(", labels").map_or(told, |(told, _)| told);
    let told = told
        .split_once(" Topology: ")
        .map_or(told, |(told, _)| told);
    told.trim()
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line = words.join(" ");
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topology_is_cut_to_its_cause() {
        let wall = "Server selection timeout: No available servers. Topology: { Type: ReplicaSetNoPrimary, Set Name: rs0, \
                    Servers: [ { Address: 127.0.0.1:27017, Type: Unknown, Error: Kind: I/O error: Connection refused \
                    (os error 111), labels: {} } ] }";
        assert_eq!(cause(wall), "I/O error: Connection refused (os error 111)");
        let none = "Server selection timeout: No available servers. Topology: { Type: Unknown, Servers: [  ] }";
        assert_eq!(
            cause(none),
            "Server selection timeout: No available servers."
        );
    }

    #[test]
    fn a_message_is_one_line_of_bounded_length() {
        let told = one_line(&"a \n b ".repeat(10_000));
        assert!(told.starts_with("a b a b") && told.chars().count() == LONGEST + 1);
    }
}
