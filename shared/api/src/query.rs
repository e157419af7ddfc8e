//! Query parameters, read as strictly as bodies.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use domain::json::{NO_CURRENCY, Problem};
use domain::money::Currency;
use domain::rule::{Refusal, Rule};
use domain::time::{Day, Zone};
use http::request::Parts;
use schemars::JsonSchema;
use store::Span;

use crate::describe::{Describe, Operation};
use crate::error::ApiError;

/// How many entries a page has unless asked otherwise, and at most.
pub(crate) const DEFAULT_LIMIT: usize = 50;
pub(crate) const MOST_LIMIT: usize = 200;

/// The parameters of a request; each is taken once, and what nobody took is refused by [`Query::finish`].
///
/// `T` says for the document which there are; a route without any takes `Query<()>`.
#[derive(Debug)]
pub struct Query<T> {
    values: BTreeMap<String, String>,
    /// Every name that was asked for.
    known: BTreeSet<String>,
    problems: Vec<Problem>,
    spelling: Spelling,
    looks: PhantomData<fn() -> T>,
}

/// Which spellings of a parameter's name are taken.
#[derive(Clone, Copy, Debug)]
enum Spelling {
    Exact,
    /// Also in snake case what is in camel case.
    Either,
}

impl Spelling {
    /// What the first and the last day of a range are called.
    const fn days(self) -> [&'static str; 2] {
        match self {
            Spelling::Exact => ["start_date", "end_date"],
            Spelling::Either => ["startDate", "endDate"],
        }
    }
}

impl<T: JsonSchema> Describe for Query<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.query::<T>();
        operation.errors.push(ApiError::field("parameter", "is not a known parameter; there are limit"));
        if operation.parameters.iter().any(|parameter| parameter["name"] == "cursor") {
            operation.errors.push(ApiError::InvalidCursor);
        }
    }
}

impl<S: Send + Sync, T> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

impl<L> Query<L> {
    fn parse(query: &str) -> Self {
        let pairs: Vec<(String, String)> =
            axum::extract::Query::try_from_uri(&format!("/?{query}").parse().unwrap_or_default())
                .map(|query| query.0)
                .unwrap_or_default();
        let (values, known) = (BTreeMap::new(), BTreeSet::new());
        let (problems, spelling) = (Vec::new(), Spelling::Exact);
        let mut this = Self { values, known, problems, spelling, looks: PhantomData };
        for (name, value) in pairs {
            if this.values.insert(name.clone(), value).is_some() {
                this.refuse(&name, "is given more than once");
            }
        }
        this
    }

    /// Takes `start_date` for `startDate`, and so on: for the interface whose names are in camel case.
    pub fn accept_snake_case(&mut self) {
        self.spelling = Spelling::Either;
    }

    pub fn refuse(&mut self, parameter: &str, refusal: impl Into<Refusal>) {
        self.problems.push(Problem::of(parameter, refusal));
    }

    /// A parameter as it stands. An empty one is refused: whoever sends it forgot what was to stand there.
    pub fn text(&mut self, parameter: &str) -> Option<String> {
        self.known.insert(parameter.to_owned());
        let value = self.values.remove(parameter).or_else(|| match self.spelling {
            Spelling::Exact => None,
            Spelling::Either => self.values.remove(&snake_case(parameter)),
        })?;
        if value.is_empty() {
            self.refuse(parameter, "must not be empty");
            return None;
        }
        Some(value)
    }

    /// The cursor, which is empty or absent for the first page.
    pub(crate) fn cursor(&mut self) -> Option<String> {
        self.known.insert("cursor".to_owned());
        self.values.remove("cursor").filter(|cursor| !cursor.is_empty())
    }

    /// A parameter that `parse` reads.
    pub fn parsed<T, E: Into<Refusal>>(
        &mut self,
        parameter: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(&self.text(parameter)?) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.refuse(parameter, problem);
                None
            }
        }
    }

    /// Refuses parameters that there are, but not beside those that were taken.
    pub fn refuse_others(&mut self, parameters: &[&str], problem: &str) {
        for parameter in parameters {
            self.known.insert((*parameter).to_owned());
            if self.values.remove(*parameter).is_some() {
                self.refuse(parameter, Refusal::of(Rule::CombinedFilters, problem));
            }
        }
    }

    pub fn limit(&mut self) -> usize {
        let limit = self.parsed("limit", |text| match text.parse() {
            Ok(limit) if (1..=MOST_LIMIT).contains(&limit) => Ok(limit),
            Ok(_) | Err(_) => Err(format!("must be a number from 1 to {MOST_LIMIT}")),
        });
        limit.unwrap_or(DEFAULT_LIMIT)
    }

    /// For a list that never has a second page: takes `limit`, and a `cursor` only if it is empty.
    pub fn single_page(&mut self) -> Result<(), ApiError> {
        self.limit();
        self.cursor().map_or(Ok(()), |_| Err(ApiError::InvalidCursor))
    }

    pub fn currency(&mut self, parameter: &str) -> Option<Currency> {
        self.parsed(parameter, |code| Currency::parse(code).ok_or(NO_CURRENCY))
    }

    pub fn day(&mut self, parameter: &str) -> Option<Day> {
        self.parsed(parameter, |text| Day::parse(text).ok_or("must be a day such as 2024-01-31"))
    }

    /// `start_date` and `end_date`: whole days of the tenant's zone, both included, each open if absent.
    pub fn span(&mut self, zone: Zone) -> Span {
        let (start, end) = self.open_days();
        Span::of_days(start, end, zone)
    }

    /// The same as days.
    pub fn open_days(&mut self) -> (Option<Day>, Option<Day>) {
        let (start, end) = self.days();
        self.hold_order(start, end);
        (start, end)
    }

    /// The same for reports: 30 days, the last of them today, unless given.
    pub fn last_days(&mut self, today: Day) -> (Day, Day) {
        let (start, end) = self.days();
        let end = end.unwrap_or_else(|| today.max(start.unwrap_or(today)));
        let start = start.unwrap_or_else(|| end.minus(29));
        self.hold_order(Some(start), Some(end));
        (start, end)
    }

    fn days(&mut self) -> (Option<Day>, Option<Day>) {
        let [first, last] = self.spelling.days();
        (self.day(first), self.day(last))
    }

    fn hold_order(&mut self, start: Option<Day>, end: Option<Day>) {
        if start.zip(end).is_some_and(|(start, end)| end < start) {
            let [first, last] = self.spelling.days();
            self.refuse(last, Refusal::of(Rule::DaysInOrder, format!("must not be before {first}")));
        }
    }

    /// Ends reading: every parameter was known and readable, or all problems are named.
    pub fn finish(mut self) -> Result<(), ApiError> {
        let known = Vec::from_iter(std::mem::take(&mut self.known)).join(", ");
        let known = if known.is_empty() { "there are none".to_owned() } else { format!("there are {known}") };
        for parameter in std::mem::take(&mut self.values).into_keys() {
            self.refuse(&parameter, format!("is not a known parameter; {known}"));
        }
        if self.problems.is_empty() { Ok(()) } else { Err(ApiError::Invalid(self.problems)) }
    }
}

/// `start_date` of `startDate`.
fn snake_case(name: &str) -> String {
    name.chars().fold(String::new(), |mut snake, letter| {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
        snake
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_parameter_is_told_all_that_there_are() {
        let mut query = Query::<()>::parse("sort=newest");
        query.limit();
        query.refuse_others(&["source"], "needs external_id");
        let ApiError::Invalid(problems) = query.finish().unwrap_err() else { panic!("it was known") };
        assert_eq!(problems[0].problem, "is not a known parameter; there are limit, source");
    }

    #[test]
    fn a_name_in_camel_case_may_come_in_snake_case() {
        let mut query = Query::<()>::parse("start_date=2024-01-01&agentId=7&agent_id=8");
        query.accept_snake_case();
        assert!(query.day("startDate").is_some());
        assert_eq!(query.text("agentId").as_deref(), Some("7"));
        let ApiError::Invalid(problems) = query.finish().unwrap_err() else { panic!("one is too many") };
        assert_eq!(problems[0].field, "agent_id");
    }

    #[test]
    fn parameters_are_decoded_and_unknown_ones_are_refused() {
        let mut query = Query::<()>::parse(
            "identifier=phone%3A%2B1415&limit=7&start_date=2024-01-01&end_date=2024-01-31",
        );
        assert_eq!(query.text("identifier").as_deref(), Some("phone:+1415"));
        assert_eq!(query.limit(), 7);
        let span = query.span(Zone::UTC);
        assert_eq!(span.from.to_string(), "2024-01-01T00:00:00Z");
        assert_eq!(span.to.to_string(), "2024-01-31T23:59:59.999Z");
        assert!(query.finish().is_ok());

        let mut query =
            Query::<()>::parse("limit=201&more=1&start_date=31.1.2024&end_date=&cursor=&twice=1&twice=2");
        let (_, _, _) = (query.limit(), query.span(Zone::UTC), query.cursor());
        let Err(ApiError::Invalid(problems)) = query.finish() else { panic!("all five are wrong") };
        let fields: Vec<_> = problems.iter().map(|p| p.field.as_str()).collect();
        assert_eq!(fields, ["twice", "limit", "start_date", "end_date", "more", "twice"]);
    }
}
