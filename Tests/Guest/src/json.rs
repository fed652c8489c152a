//! Lines in and lines out, without touching the heap (answers must not change what they describe).
use crate::arch::serial;
use core::fmt::{self, Write};

/// Buffers text for the serial port and sends it when full and when it goes.
pub struct Out {
    buffer: [u8; 512],
    used: usize,
    /// Whether the next member or element needs no comma before it.
    first: bool,
}

impl Out {
    pub fn new() -> Out {
        Out { buffer: [0; 512], used: 0, first: true }
    }

    pub fn byte(&mut self, byte: u8) {
        if self.used == self.buffer.len() {
            self.flush();
        }
        self.buffer[self.used] = byte;
        self.used += 1;
    }

    pub fn raw(&mut self, text: &str) {
        for byte in text.bytes() {
            self.byte(byte);
        }
    }

    pub fn flush(&mut self) {
        serial::write(&self.buffer[..self.used]);
        self.used = 0;
    }

    pub fn escaped(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => {
                    self.byte(b'\\');
                    self.byte(byte);
                }
                0..=31 => self.byte(b' '),
                _ => self.byte(byte),
            }
        }
    }

    pub fn unsigned(&mut self, mut value: u64) {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        for digit in &digits[at..] {
            self.byte(*digit);
        }
    }

    /// The decimal form of a 64-bit pattern taken as signed, which keeps sentinels and kernel addresses short.
    pub fn signed(&mut self, value: u64) {
        if (value as i64) < 0 {
            self.byte(b'-');
        }
        self.unsigned((value as i64).unsigned_abs());
    }

    fn comma(&mut self) {
        if !self.first {
            self.byte(b',');
        }
        self.first = false;
    }

    pub fn key(&mut self, name: &str) {
        self.comma();
        self.byte(b'"');
        self.raw(name);
        self.raw("\":");
    }

    pub fn open(&mut self, bracket: u8) {
        self.byte(bracket);
        self.first = true;
    }

    pub fn close(&mut self, bracket: u8) {
        self.byte(bracket);
        self.first = false;
    }

    /// Opens an element of an array.
    pub fn element(&mut self, bracket: u8) {
        self.comma();
        self.open(bracket);
    }

    pub fn item(&mut self, value: u64) {
        self.comma();
        self.unsigned(value);
    }

    pub fn number(&mut self, name: &str, value: u64) {
        self.key(name);
        self.unsigned(value);
    }

    pub fn boolean(&mut self, name: &str, value: bool) {
        self.key(name);
        self.raw(if value { "true" } else { "false" });
    }

    pub fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        self.quoted(value);
    }

    pub fn quoted(&mut self, value: &str) {
        self.byte(b'"');
        self.escaped(value);
        self.byte(b'"');
    }

    /// Text as an element of an array.
    pub fn element_text(&mut self, value: &str) {
        self.comma();
        self.quoted(value);
    }

    pub fn end_line(&mut self) {
        self.byte(b'\n');
        self.first = true;
    }
}

impl Write for Out {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.raw(text);
        Ok(())
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        self.flush();
    }
}

/// A command line: a flat JSON object, or words separated by spaces.
pub struct Request<'a> {
    pub command: &'a str,
    pairs: [(&'a str, &'a str); 12],
    count: usize,
}

impl<'a> Request<'a> {
    pub fn parse(line: &'a str) -> Option<Request<'a>> {
        let mut request = Request { command: "", pairs: [("", ""); 12], count: 0 };
        let line = line.trim();
        if !line.starts_with('{') {
            let mut words = line.split_ascii_whitespace();
            request.command = words.next()?;
            for word in words {
                request.add("", word)?;
            }
            return Some(request);
        }
        let mut rest = line.strip_prefix('{')?.strip_suffix('}')?.trim();
        while !rest.is_empty() {
            rest = rest.strip_prefix('"')?;
            let (name, after) = rest.split_once('"')?;
            rest = after.trim_start().strip_prefix(':')?.trim_start();
            let value;
            if let Some(text) = rest.strip_prefix('"') {
                (value, rest) = text.split_once('"')?;
            } else {
                let end = rest.find(',').unwrap_or(rest.len());
                value = rest[..end].trim();
                rest = &rest[end..];
            }
            if name == "command" || name == "cmd" {
                request.command = value;
            } else {
                request.add(name, value)?;
            }
            rest = rest.trim_start();
            if !rest.is_empty() {
                rest = rest.strip_prefix(',')?.trim_start();
            }
        }
        if request.command.is_empty() { None } else { Some(request) }
    }

    fn add(&mut self, name: &'a str, value: &'a str) -> Option<()> {
        *self.pairs.get_mut(self.count)? = (name, value);
        self.count += 1;
        Some(())
    }

    /// The value with this name, or the word at this place.
    pub fn text(&self, name: &str, place: usize) -> Option<&'a str> {
        let pairs = &self.pairs[..self.count];
        if let Some(pair) = pairs.iter().find(|pair| pair.0 == name) {
            return Some(pair.1);
        }
        pairs.get(place).filter(|pair| pair.0.is_empty()).map(|pair| pair.1)
    }

    /// Like `text`, as a number: decimal, negative decimal, or hexadecimal with `0x`.
    pub fn number(&self, name: &str, place: usize) -> Option<u64> {
        parse_number(self.text(name, place)?)
    }
}

pub fn parse_number(text: &str) -> Option<u64> {
    if let Some(digits) = text.strip_prefix("0x") {
        u64::from_str_radix(digits, 16).ok()
    } else if text.starts_with('-') {
        text.parse::<i64>().ok().map(|value| value as u64)
    } else {
        text.parse().ok()
    }
}
