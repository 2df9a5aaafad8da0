# Extracts the command lines of the section "Linux commands for troubleshooting", whose
# heading has any level. Headings one level below it are symptoms.
#
#   awk -f troubleshooting.awk ch09/fault/README.md
#
# prints one record a line, fields separated by tabs:
#   P  package  command         a row of the table of packages
#   H  heading                  a symptom
#   C  line  command  expected  a command; expected is the comment after "  # "
#   O  text                     a line that the command before prints, exactly
#   I  line  text               code within a sentence
#   E  line  text               a block that is neither sh, console, text nor mermaid

BEGIN { OFS = "\t" }

block == "" && /^#+ Linux commands for troubleshooting$/ { level = length($1); next }
block == "" && /^#+ / && length($1) <= level { level = 0 }
!level { next }

/^```/ {
	if (block != "") {
		block = ""
	} else {
		block = substr($0, 4)
		if (block !~ /^(sh|console|text|mermaid)$/) {
			print "E", NR, $0
			block = "unknown"
		}
	}
	next
}

block == "sh" && /[^ ]/ { command(NR, $0); next }
block == "console" && /^\$ / { command(NR, substr($0, 3)); next }
block == "console" { print "O", $0; next }
block != "" { next }

/^#+ / && length($1) == level + 1 { print "H", substr($0, level + 3); in_table = 0; next }
/^\| Debian package / { in_table = 1; next }
in_table && /^\|/ { packages($0); next }
{ in_table = 0 }

{
	n = split($0, part, "`")
	for (i = 2; i < n; i += 2) print "I", NR, part[i]
}

function command(line, text,    expected) {
	expected = ""
	if (match(text, /  # .*$/)) {
		expected = substr(text, RSTART + 4)
		text = substr(text, 1, RSTART - 1)
		sub(/ +$/, "", expected)
	}
	sub(/ +$/, "", text)
	print "C", line, text, expected
}

# packages splits "| a, b | `x` `y`, `z` |": package a brings x and y, b brings z.
function packages(row,    cell, name, group, part, n, i, j, k) {
	split(row, cell, "|")
	gsub(/\([^)]*\)/, "", cell[3])
	gsub(/ /, "", cell[2])
	n = split(cell[2], name, ",")
	split(cell[3], group, ",")
	for (i = 1; i <= n; i++) {
		k = split(group[i], part, "`")
		for (j = 2; j < k; j += 2) print "P", name[i], part[j]
	}
}
