package note

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
)

// Format is a kind of document that can be read.
type Format uint8

// The formats, from the one that is read best: plain text keeps every offset, C-CDA and HTML say what is a heading and a row, PDF only
// where on a page each word stands.
const (
	Plain Format = iota
	CDA
	HTML
	RTF
	PDF
	// Unread is what cannot be read.
	Unread
)

var formatNames = [...]string{"plain text", "C-CDA", "HTML", "RTF", "PDF", "a format that is not read"}

func (f Format) String() string { return formatNames[f] }

// declared are the media types that name a format. XML may be C-CDA or XHTML.
var declared = map[string]Format{
	"text/plain": Plain, "text/html": HTML, "application/xhtml+xml": HTML, "text/xml": CDA, "application/xml": CDA,
	"application/cda+xml": CDA, "application/hl7-cda+xml": CDA, "application/hl7-sda+xml": CDA, "text/x-hl7-text+xml": CDA,
	"text/rtf": RTF, "application/rtf": RTF, "application/x-rtf": RTF, "text/richtext": RTF, "application/pdf": PDF, "application/x-pdf": PDF,
}

// formats are the codes of DocumentReference.content.format (IHE's and HL7's) that tell more than the media type.
var formatCodes = []struct {
	prefix string
	format Format
}{
	{"urn:ihe:iti:xds-sd:text", CDA}, {"urn:ihe:iti:xds-sd:pdf", CDA}, {"urn:hl7-org:sdwg:ccda", CDA}, {"urn:ihe:pcc:", CDA}, {"urn:ihe:lab:", CDA},
	{"urn:hl7-org:sdwg:pdf-nonXMLBody", CDA},
}

// Expected says what format an attachment is to be in, by its media type (with parameters) and its format code: before its bytes are
// there. What names neither may be anything: it comes after all that can be read.
func Expected(contentType, formatCode string) Format {
	for _, f := range formatCodes {
		if strings.HasPrefix(formatCode, f.prefix) {
			return f.format
		}
	}
	mediaType, _, err := parseMediaType(contentType)
	if err != nil {
		return Unread
	}
	if format, known := declared[mediaType]; known {
		return format
	}
	if strings.HasSuffix(mediaType, "+xml") {
		return CDA
	}
	if strings.HasPrefix(mediaType, "text/") {
		return Plain
	}
	return Unread
}

func parseMediaType(contentType string) (mediaType, charset string, err error) {
	if strings.TrimSpace(contentType) == "" {
		return "", "", nil
	}
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || mediaType == "" {
		return "", "", fmt.Errorf("%w: not a MIME type", ErrContentType)
	}
	return mediaType, parameters["charset"], nil
}

// refused says of what can be told to be no text why it is not read. The first that fits counts; a type stands for those derived from it.
var refused = []struct{ types, why string }{
	{"application/dicom", "a DICOM object, an image or a structured report, is not read"},
	{"image/", "an image is not read: it has no text"},
	{"audio/", "a sound recording is not read: it has no text"},
	{"video/", "a film is not read: it has no text"},
	{"application/vnd.openxmlformats-officedocument application/msword application/vnd.ms- application/vnd.oasis.opendocument application/x-ole-storage", "an office document is not read: send it as PDF, RTF or text"},
	{"application/zip application/gzip application/x-tar application/x-7z-compressed application/x-rar application/x-bzip2 application/x-xz", "an archive or compressed file is not read: send what is in it"},
}

func whyRefused(mediaType string) string {
	for _, r := range refused {
		for prefix := range strings.FieldsSeq(r.types) {
			if strings.HasPrefix(mediaType, prefix) {
				return r.why
			}
		}
	}
	return ""
}

// kind is what an attachment turns out to be.
type kind struct {
	format  Format
	charset string // as declared
	remarks []string
}

// look finds what some bytes are: by the bytes where they tell, else by the media type that they came with.
func look(data []byte, contentType string) (kind, error) {
	mediaType, charset, malformed := parseMediaType(contentType)
	said := Expected(mediaType, "")
	found, root, binary := sniff(data)
	k := kind{charset: charset}
	refuse := func(why string) (kind, error) { return k, fmt.Errorf("%w: %s", ErrContentType, why) }
	switch {
	case binary != "":
		if why := whyRefused(binary); why != "" {
			return refuse(why)
		}
		return refuse(fmt.Sprintf("%.*s is not read", maxNamed, binary))
	case found == HTML && said == CDA && root != "html":
		found = CDA // a fragment that begins like one of a page
	case found == HTML && said == Plain && mediaType != "" && root != "html" && !firstTag.MatchString(asciiHead(data[:min(len(data), sniffed)])):
		found = Plain // "<b 12 deficiency"
	case found != Unread:
	case malformed != nil:
		return k, malformed
	case said == PDF || said == RTF:
		return refuse(fmt.Sprintf("declared as %s, and the bytes are none", said))
	case whyRefused(mediaType) != "":
		return refuse(whyRefused(mediaType))
	case said == Unread, said == HTML && !bytes.ContainsRune(data, '<') && !anyReference.Match(data):
		found = Plain
	default:
		found = said
	}
	k.format = found
	switch {
	case mediaType == "" && found != Plain:
		k.remarks = append(k.remarks, fmt.Sprintf("no content type is declared, and the bytes were read as the %s that they are", found))
	case mediaType != "" && found != said:
		k.remarks = append(k.remarks, fmt.Sprintf("declared as %.*s, and read as the %s that the bytes are", maxNamed, mediaType, found))
	}
	return k, nil
}

// anyReference is a character reference of HTML.
var anyReference = regexp.MustCompile(`&#?[A-Za-z0-9]{1,31};`)

// firstTag is what a text that is declared as plain has to begin with to be taken for a page all the same.
var firstTag = regexp.MustCompile(`^<[A-Za-z][A-Za-z0-9]{0,14}(\s+[A-Za-z-]+(\s*=\s*("[^"<>]*"|'[^'<>]*'|[^\s"'<>]+))?){0,20}\s*/?>`)

// sniffed is how many bytes of an attachment are looked at for what it is.
const sniffed = 4096

// sniff tells a format by its first bytes, Unread where they do not say; of markup also the name of the first element, and of what is
// surely no text its media type.
func sniff(data []byte) (format Format, root, binary string) {
	head := data[:min(len(data), sniffed)]
	if bytes.Contains(head[:min(len(head), 1024)], []byte("%PDF-")) {
		return PDF, "", ""
	}
	text := asciiHead(head)
	switch {
	case strings.HasPrefix(text, `{\rtf`), strings.HasPrefix(text, `{\urtf`):
		return RTF, "", ""
	case strings.HasPrefix(text, "<"):
		root = rootName(text)
		return sniffMarkup(text, root), root, ""
	case !isBinary(head):
		return Unread, "", "" // "BMI 31" is no bitmap
	}
	found := mimetype.Detect(head)
	for of := found; of != nil; of = of.Parent() {
		if of.Is("text/plain") {
			return Unread, "", ""
		}
	}
	if found.Is("application/octet-stream") {
		return Unread, "", ""
	}
	return Unread, "", found.String()
}

// isBinary reports whether some bytes are surely no text: what has a NUL and is not UTF-16, or more control characters than one in thirty.
func isBinary(head []byte) bool {
	controls := 0
	for _, b := range head {
		if b < '\t' || b > '\r' && b < ' ' && b != 0x1B {
			controls++
		}
	}
	guess, _ := sniffCharset(head)
	return bytes.IndexByte(head, 0) >= 0 && guess != utf16LE && guess != utf16BE || controls*30 > len(head)
}

// asciiHead gives the first characters without a byte order mark and blanks, also of UTF-16.
func asciiHead(head []byte) string {
	if _, size := byteOrderMark(head); size > 0 {
		head = head[size:]
	}
	if len(head) >= 4 && (head[0] == 0 || head[1] == 0) {
		narrow := make([]byte, 0, len(head)/2)
		for _, b := range head {
			if b != 0 {
				narrow = append(narrow, b)
			}
		}
		head = narrow
	}
	return string(bytes.TrimLeft(head, " \t\r\n\f"))
}

// htmlElements are those that a page or a part of one may begin with.
var htmlElements = names(`html head body title meta link style script div span p br hr table thead tbody tr td th ul ol li dl dt dd h1 h2 h3 h4 h5 h6 b i u strong em
	font center pre a img article section header main address blockquote`)

// cdaElements are those that a C-CDA document or a part of one may begin with, but for those of HTML.
var cdaElements = names(`clinicaldocument component structuredbody nonxmlbody entry observation act procedure encounter organizer substanceadministration
	supply recordtarget documentationof author custodian informant participant componentof text informationrecipient authenticator legalauthenticator
	relateddocument infulfillmentof authorization dataenterer entryrelationship`)

func names(list string) map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(list) {
		set[name] = true
	}
	return set
}

// sniffMarkup tells HTML from C-CDA by the first element.
func sniffMarkup(text, name string) Format {
	cda := strings.Contains(text, "urn:hl7-org:v3") || strings.Contains(text, "2.16.840.1.113883")
	switch {
	case name == "html":
		return HTML
	case cdaElements[name], cda && (name == "section" || name == "title" || !htmlElements[name] && name != ""):
		return CDA
	case htmlElements[name]:
		return HTML
	}
	return Unread
}

// rootName gives the name of the first element in small letters and without its prefix, empty where there is none.
func rootName(text string) string {
	for {
		text = strings.TrimLeft(text, " \t\r\n\f")
		end := ">"
		switch {
		case strings.HasPrefix(text, "<!--"):
			end = "-->"
		case strings.HasPrefix(text, "<?"):
		case len(text) > 14 && strings.EqualFold(text[:14], "<!doctype html"):
			return "html"
		case strings.HasPrefix(text, "<!"):
			text = text[endOfDeclaration(text):]
			continue
		case strings.HasPrefix(text, "<"):
			name := text[1:]
			if i := strings.IndexAny(name, " \t\r\n/>"); i >= 0 {
				name = name[:i]
			}
			name = strings.ToLower(name[strings.IndexByte(name, ':')+1:])
			if name == "" || !utf8.ValidString(name) {
				return ""
			}
			return name
		default:
			return ""
		}
		_, rest, found := strings.Cut(text, end)
		if !found {
			return ""
		}
		text = rest
	}
}
