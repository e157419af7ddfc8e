//! One webhook request as it came.

/// The headers and raw bytes of a request; nobody has looked into the bytes yet.
#[derive(Clone)]
pub struct Delivery<'a> {
    headers: Vec<(&'a str, &'a [u8])>,
    body: &'a [u8],
}

impl<'a> Delivery<'a> {
    pub fn new(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>, body: &'a [u8]) -> Self {
        Self { headers: headers.into_iter().collect(), body }
    }

    /// Every value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let of_name = move |(given, _): &&(&str, _)| given.eq_ignore_ascii_case(name);
        self.headers.iter().filter(of_name).map(|(_, value)| *value)
    }

    pub fn body(&self) -> &'a [u8] {
        self.body
    }
}
