# What Perl programs do: hashes, regular expressions, sorting, formatted output.
use strict;
use warnings;
my $x = 4711;
my (%seen, @lines);
for my $i (1 .. 25000) {
  $x = ($x * 1103515245 + 12345) & 0x7fffffff;
  my $word = join '', map { chr(97 + ($x >> $_) % 26) } (3, 8, 13, 18);
  $seen{$word}++;
  push @lines, "$word=$i;" if $i % 5 == 0;
}
my $text = join ' ', @lines;
my $matches = () = $text =~ /([aeiou])[^aeiou ]+=\d*7;/g;
(my $short = $text) =~ s/(\w+)=(\d+);/$2$1/g;
my @top = (sort { $seen{$b} <=> $seen{$a} || $a cmp $b } keys %seen)[0 .. 9];
printf "%d %d %s\n", $matches, length $short, join ',', map { "$_:$seen{$_}" } @top;
my @numbers = sort { $a <=> $b } map { hex(substr unpack('H*', $_), 0, 7) } keys %seen;
printf "%08x %d\n", $numbers[$#numbers / 2], scalar @numbers;
sub fib { my $n = shift; $n < 2 ? $n : fib($n - 1) + fib($n - 2) }
printf "%d\n", fib(18);
