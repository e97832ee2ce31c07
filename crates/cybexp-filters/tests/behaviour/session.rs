//! Sessions made of commands.

use cybexp_filters::second::behaviour::normal_form;
use cybexp_filters::second::{Input, Networks, SECOND_FILTERS, SecondFilter, SessionInput};
use tahoe_core::{Attribute, Event, Finite, OrgId, Session, SubType};

const COMMAND: SubType = SubType::from_static("shell_command");

pub(crate) fn behaviour_filter() -> &'static dyn SecondFilter {
    let mut filters = SECOND_FILTERS.iter();
    *filters
        .find(|filter| filter.name() == "behaviour")
        .expect("the filter is registered")
}

/// A session with one command a second.
pub(crate) struct Made {
    session: Session,
    events: Vec<Event>,
}

impl Made {
    pub(crate) fn of<S: AsRef<str>>(commands: &[S]) -> Self {
        let orgid = OrgId::new("org").expect("an id");
        let event = |(second, command): (usize, &S)| {
            let at = Finite::new(1_700_000_000.0 + second as f64).expect("finite");
            let command = Attribute::new(COMMAND, command.as_ref());
            Event::new(COMMAND, orgid.clone(), at, vec![command.into()]).expect("an event")
        };
        let id = Attribute::new(SubType::from_static("sessionid"), "5e55");
        Self {
            session: Session::new(SubType::from_static("cowrie_session"), vec![id.into()])
                .expect("a session"),
            events: commands.iter().enumerate().map(event).collect(),
        }
    }

    fn input(&self) -> SessionInput<'_> {
        SessionInput {
            session: &self.session,
            events: &self.events,
        }
    }

    pub(crate) fn normal_form(&self) -> Vec<String> {
        normal_form(&self.input())
    }

    /// Returns the behaviour; empty if the session has none.
    pub(crate) fn behaviour(&self) -> String {
        let made = behaviour_filter().run(&Input::Session(self.input()), &Networks::default());
        let value = made
            .first()
            .and_then(|event| event.children().attribute("behaviour"));
        value.map(ToString::to_string).unwrap_or_default()
    }
}
