//! End-to-end tests: they speak HTTP only, against the functions of `template.yaml` on embedded parts.

mod guide;
mod orders;
mod slice;
