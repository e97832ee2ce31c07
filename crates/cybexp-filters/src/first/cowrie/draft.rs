//! The content of an event, before the attacker, the organisation and the time are added.

use tahoe_core::{Attribute, Hash, Node, Object, SubType};

pub(super) struct Draft {
    pub(super) sub_type: SubType,
    pub(super) children: Vec<Node>,
    /// Hashes of the nodes in malicious context.
    pub(super) malicious: Vec<Hash>,
    /// Number of indicators left out because they exceed the limit.
    pub(super) left_out: u64,
}

impl Draft {
    pub(super) fn new(sub_type: SubType) -> Self {
        Self {
            sub_type,
            children: Vec::new(),
            malicious: Vec::new(),
            left_out: 0,
        }
    }

    /// Adds these nodes in unknown context; an absent one is skipped.
    pub(super) fn with<N: Into<Node>>(mut self, nodes: impl IntoIterator<Item = N>) -> Self {
        self.children.extend(nodes.into_iter().map(Into::into));
        self
    }

    /// Adds these nodes in malicious context; an absent one is skipped.
    pub(super) fn with_malicious<N: Into<Node>>(
        mut self,
        nodes: impl IntoIterator<Item = N>,
    ) -> Self {
        for node in nodes {
            let node = node.into();
            self.malicious.push(node.hash());
            self.children.push(node);
        }
        self
    }

    /// Counts this many indicators as left out.
    pub(super) fn leaving_out(mut self, indicators: u64) -> Self {
        self.left_out += indicators;
        self
    }

    /// Puts these descendants, which stand in an object of the event, in malicious context.
    pub(super) fn marking<'a>(mut self, inner: impl IntoIterator<Item = &'a Attribute>) -> Self {
        self.malicious
            .extend(inner.into_iter().map(Attribute::hash));
        self
    }
}

/// Makes an object of the children that are present; `None` if there are none.
pub(super) fn object(
    sub_type: SubType,
    children: impl IntoIterator<Item = Option<Attribute>>,
) -> Option<Object> {
    let children = children.into_iter().flatten().map(Node::from).collect();
    // An object's only possible error here is to be empty: a record's texts are too short to make it too large.
    Object::new(sub_type, children).ok()
}
