//! Which route a request takes.

use std::collections::HashMap;

use axum::http::Method;

/// A route of the template, such as `ANY /v1/webhooks/{proxy+}`, or `$default`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    key: String,
    /// Nothing for a route that takes any method.
    method: Option<Method>,
    /// Nothing for `$default`.
    segments: Option<Vec<Segment>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Exact(String),
    Parameter(String),
    Greedy(String),
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{method} {path} is not a route: {problem}")]
pub struct RouteError {
    method: String,
    path: String,
    problem: &'static str,
}

impl Route {
    pub fn read(method: &str, path: &str) -> Result<Self, RouteError> {
        let refuse = |problem| RouteError { method: method.to_owned(), path: path.to_owned(), problem };
        if path == "$default" {
            return Ok(Self { key: path.to_owned(), method: None, segments: None });
        }
        let known = match method {
            "ANY" => None,
            other => {
                let known = Method::from_bytes(other.as_bytes());
                Some(known.map_err(|_| refuse("unknown method"))?)
            }
        };
        let rest = path.strip_prefix('/').ok_or_else(|| refuse("it does not begin with /"))?;
        let segments: Vec<_> = rest.split('/').map(Segment::read).collect();
        let before_last = segments.split_last().map_or(&[][..], |(_, before)| before);
        if before_last.iter().any(|segment| matches!(segment, Segment::Greedy(_))) {
            return Err(refuse("{…+} is not at its end"));
        }
        Ok(Self { key: format!("{method} {path}"), method: known, segments: Some(segments) })
    }

    /// The path parameters, if the route takes this request.
    fn take(&self, method: &Method, path: &str) -> Option<HashMap<String, String>> {
        if self.method.as_ref().is_some_and(|own| own != method) {
            return None;
        }
        let mut parameters = HashMap::new();
        let Some(segments) = &self.segments else {
            return Some(parameters);
        };
        let mut rest = Some(path.strip_prefix('/')?);
        for segment in segments {
            let (first, after) = match rest?.split_once('/') {
                Some((first, after)) => (first, Some(after)),
                None => (rest?, None),
            };
            match segment {
                Segment::Exact(text) if text == first => {}
                Segment::Parameter(name) if !first.is_empty() => {
                    parameters.insert(name.clone(), first.to_owned());
                }
                Segment::Greedy(name) if !rest?.is_empty() => {
                    parameters.insert(name.clone(), rest?.to_owned());
                    return Some(parameters);
                }
                Segment::Exact(_) | Segment::Parameter(_) | Segment::Greedy(_) => return None,
            }
            rest = after;
        }
        rest.is_none().then_some(parameters)
    }

    /// Sorts before routes that are looked at later: exact before parameters before greedy ones, segment by
    /// segment, `$default` last; with equal paths, a route for one method before one for any.
    fn rank(&self) -> (Vec<u8>, bool) {
        let ranks = self.segments.as_ref().map(|segments| {
            let ranks = segments.iter().map(|segment| match segment {
                Segment::Exact(_) => 0,
                Segment::Parameter(_) => 1,
                Segment::Greedy(_) => 2,
            });
            ranks.collect()
        });
        (ranks.unwrap_or_else(|| vec![3]), self.method.is_none())
    }
}

impl Segment {
    fn read(text: &str) -> Self {
        match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => match name.strip_suffix('+') {
                Some(name) => Self::Greedy(name.to_owned()),
                None => Self::Parameter(name.to_owned()),
            },
            None => Self::Exact(text.to_owned()),
        }
    }
}

/// The routes and where they lead, in the order in which they are looked at.
#[derive(Clone, Debug)]
pub struct Routes<T> {
    routes: Vec<(Route, T)>,
}

/// A route that was found for a request.
#[derive(Clone, Debug)]
pub struct Found<'a, T> {
    /// As the template writes the route.
    pub key: &'a str,
    pub parameters: HashMap<String, String>,
    pub target: &'a T,
}

impl<T> Routes<T> {
    pub fn new(mut routes: Vec<(Route, T)>) -> Self {
        routes.sort_by_key(|(route, _)| route.rank());
        Self { routes }
    }

    /// `path` is decoded.
    pub fn find(&self, method: &Method, path: &str) -> Option<Found<'_, T>> {
        self.routes.iter().find_map(|(route, target)| {
            Some(Found { key: &route.key, parameters: route.take(method, path)?, target })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(keys: &[&str]) -> Routes<String> {
        let routes = keys.iter().map(|key| {
            let (method, path) = key.split_once(' ').unwrap_or(("ANY", key));
            (Route::read(method, path).unwrap(), (*key).to_owned())
        });
        Routes::new(routes.collect())
    }

    fn taken(routes: &Routes<String>, method: Method, path: &str) -> Option<String> {
        routes.find(&method, path).map(|found| found.target.clone())
    }

    #[test]
    fn the_most_specific_route_wins_whatever_its_place_in_the_template() {
        let mut keys = [
            "$default",
            "ANY /{proxy+}",
            "GET /pets/{proxy+}",
            "ANY /pets/dog/{id}",
            "GET /pets/dog/{id}",
            "ANY /pets/dog/1",
            "GET /pets/dog/1",
        ];
        for _ in 0..2 {
            keys.reverse();
            let routes = table(&keys);
            for (method, path, route) in [
                (Method::GET, "/pets/dog/1", "GET /pets/dog/1"),
                (Method::PUT, "/pets/dog/1", "ANY /pets/dog/1"),
                (Method::GET, "/pets/dog/2", "GET /pets/dog/{id}"),
                (Method::DELETE, "/pets/dog/2", "ANY /pets/dog/{id}"),
                (Method::GET, "/pets/cat/1", "GET /pets/{proxy+}"),
                (Method::GET, "/pets/dog/2/tail", "GET /pets/{proxy+}"),
                (Method::POST, "/pets/cat/1", "ANY /{proxy+}"),
                (Method::GET, "/pets", "ANY /{proxy+}"),
                (Method::GET, "/", "$default"),
            ] {
                assert_eq!(taken(&routes, method, path).as_deref(), Some(route), "{path}");
            }
        }
    }

    #[test]
    fn a_write_and_a_read_of_one_path_may_lead_to_different_functions() {
        let routes = table(&[
            "ANY /v1/interactions",
            "ANY /v1/interactions/{proxy+}",
            "POST /v1/interactions",
            "POST /v1/interactions/batch",
        ]);
        for (method, path, route) in [
            (Method::POST, "/v1/interactions", "POST /v1/interactions"),
            (Method::GET, "/v1/interactions", "ANY /v1/interactions"),
            (Method::POST, "/v1/interactions/batch", "POST /v1/interactions/batch"),
            (Method::GET, "/v1/interactions/batch", "ANY /v1/interactions/{proxy+}"),
            (Method::POST, "/v1/interactions/int_1", "ANY /v1/interactions/{proxy+}"),
        ] {
            assert_eq!(taken(&routes, method, path).as_deref(), Some(route), "{path}");
        }
    }

    #[test]
    fn without_a_default_route_nothing_answers_the_rest() {
        let routes = table(&["GET /health", "ANY /v1/webhooks/{proxy+}"]);
        assert_eq!(taken(&routes, Method::POST, "/health"), None);
        for path in ["/", "/health/", "/Health", "/v1/webhooks", "/v1/webhooks/", "/v1"] {
            assert_eq!(taken(&routes, Method::GET, path), None, "{path}");
        }
    }

    #[test]
    fn path_parameters_carry_what_they_matched() {
        let routes = table(&["GET /a/{id}/{rest+}"]);
        let found = routes.find(&Method::GET, "/a/1/b c/d").unwrap();
        assert_eq!(found.key, "GET /a/{id}/{rest+}");
        assert_eq!(found.parameters["id"], "1");
        assert_eq!(found.parameters["rest"], "b c/d");
    }

    #[test]
    fn what_is_not_a_route_is_refused() {
        assert!(Route::read("GET", "health").is_err());
        assert!(Route::read("G T", "/health").is_err());
        assert!(Route::read("GET", "/{proxy+}/health").is_err());
    }
}
