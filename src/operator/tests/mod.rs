mod conclusions;
mod departures;
mod fake;
mod id_tokens;
mod walks;
