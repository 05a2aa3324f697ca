package note

// role is what an element means for the text.
type role uint8

const (
	inline    role = iota
	paragraph      // a blank line before and after it
	line           // a line of its own
	lineBreak
	tableRow
	cellOf
	apart   // a blank before and after it
	dropped // not read: scripts, and what is in the head of a page
	void    // it has no content and no end
)

// roles are the elements of HTML and of C-CDA's narrative (CDA R2, section 4.3.5) that are not inline. The two share most names, and senders
// mix them.
var roles = func() map[string]role {
	m := map[string]role{}
	for r, list := range map[role]string{
		paragraph: `p h1 h2 h3 h4 h5 h6 blockquote pre table ul ol dl hr form fieldset article section main header footer nav aside figure address details dialog
			paragraph list text`,
		line:      `div li dt dd caption item summary figcaption legend center html body footnote rendermultimedia`,
		lineBreak: `br`,
		tableRow:  `tr`,
		cellOf:    `td th`,
		apart:     `button label input img textarea output select footnoteref`,
		dropped:   `head script style template noscript iframe noembed noframes object applet svg math audio video canvas datalist map title`,
	} {
		for name := range names(list) {
			m[name] = r
		}
	}
	return m
}()

// lists may stand in items of others, and are lines among lines there.
var lists = names("ul ol dl menu dir list")

// roleOf gives what an element means where it stands.
func (t *tree) roleOf(name string) role {
	if lists[name] && t.opened["li"]+t.opened["item"]+t.opened["dd"] > 0 {
		return line
	}
	return roles[name]
}

// voids are the elements of HTML that have no end (HTML, section 13.1.2).
var voids = names(`area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr`)
