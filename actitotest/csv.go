package actitotest

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// parseCSV reads a file by RFC 4180. It is stricter than encoding/csv, which skips
// empty lines and changes line ends within cells: a fake must not repair what a
// client sends.
func parseCSV(text string, separator rune) ([][]string, error) {
	sep := string(separator)
	var rows [][]string
	var cells []string
	for text != "" {
		cell, rest, err := parseCell(text, sep)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", len(rows)+1, err)
		}
		cells = append(cells, cell)
		after, more := strings.CutPrefix(rest, sep)
		if more {
			if text = after; text == "" {
				rows, cells = append(rows, append(cells, "")), nil
			}
			continue
		}
		rows, cells = append(rows, cells), nil
		text = strings.TrimPrefix(strings.TrimPrefix(rest, "\r"), "\n")
	}
	return rows, nil
}

// parseCell takes the first cell; what is left starts with a separator or a line
// end, or is empty.
func parseCell(text, sep string) (cell, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexByte(text, '\n')
		if end < 0 {
			end = len(text)
		} else if end > 0 && text[end-1] == '\r' {
			end--
		}
		if i := strings.Index(text[:end], sep); i >= 0 {
			end = i
		}
		if strings.Contains(text[:end], `"`) {
			return "", "", errors.New("a quote within a cell that is not quoted")
		}
		return text[:end], text[end:], nil
	}
	for rest = text[1:]; ; {
		i := strings.IndexByte(rest, '"')
		if i < 0 {
			return "", "", errors.New("a quoted cell does not end")
		}
		cell, rest = cell+rest[:i], rest[i+1:]
		if !strings.HasPrefix(rest, `"`) {
			break
		}
		cell, rest = cell+`"`, rest[1:]
	}
	for _, next := range []string{sep, "\n", "\r\n"} {
		if rest == "" || strings.HasPrefix(rest, next) {
			return cell, rest, nil
		}
	}
	return "", "", errors.New("something follows the end of a quoted cell")
}

// appendCSV adds a row in the form of the file that it comes from.
func appendCSV(out []byte, cells []string, separator rune) []byte {
	for i, cell := range cells {
		if i > 0 {
			out = utf8.AppendRune(out, separator)
		}
		if strings.ContainsAny(cell, "\"\r\n"+string(separator)) {
			cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
		out = append(out, cell...)
	}
	return append(out, '\n')
}

// decodeText turns a file into UTF-8.
func decodeText(data []byte, encoding string) (string, error) {
	if encoding == latin1 {
		runes := make([]rune, len(data))
		for i, b := range data {
			runes[i] = rune(b)
		}
		return string(runes), nil
	}
	if strings.HasPrefix(string(data[:min(3, len(data))]), "\ufeff") {
		return "", errors.New("the file starts with a byte-order mark")
	}
	if !utf8.Valid(data) {
		return "", errors.New("the file is not UTF-8")
	}
	return string(data), nil
}

// encodeText is the reverse of decodeText, for text that came through it.
func encodeText(text []byte, encoding string) []byte {
	if encoding != latin1 {
		return text
	}
	var out []byte
	for _, r := range string(text) {
		out = append(out, byte(r)) //nolint:gosec // each rune was made of one byte
	}
	return out
}
