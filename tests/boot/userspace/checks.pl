# Arithmetic, text and large numbers in Perl.  Lines like "result perl NAME VALUE".
use strict;
use warnings;
use integer ();
use Digest::MD5;
use Digest::SHA;
use Encode;
use List::Util qw(reduce sum);
use Math::BigFloat;
use Math::BigInt;
use POSIX ();

sub result { print "result perl @_\n" }

# A generator of 32 bits: the same numbers everywhere.
my $state = 12345;
sub draw { $state = ($state * 1103515245 + 12345) & 0x7fffffff }

result version => sprintf "%vd", $^V;
result pi => Math::BigFloat->bpi(300);
result factorial => Math::BigInt->new(200)->bfac;
result power => Math::BigInt->new(3)->bmodpow(Math::BigInt->new(10)->bpow(40), Math::BigInt->new("1" . "0" x 30 . "57"));
result root => Math::BigFloat->new(2)->bsqrt(100);

my @numbers = map { draw() } 1 .. 20000;
my @sorted = sort { $a <=> $b } @numbers;
result sorted => Digest::SHA::sha256_hex("@sorted");
result sum => sum @numbers;
result xor => reduce { $a ^ $b } @numbers;

my $text = join " ", map { sprintf "%x", $_ } @numbers;
(my $changed = $text) =~ s/([0-9a-f])\1/<$1>/g;
result regex => Digest::MD5::md5_hex($changed);
my %count;
++$count{$_} for $text =~ /([a-f]{2,4})/g;
result counts => Digest::MD5::md5_hex(join ",", map { "$_=$count{$_}" } sort keys %count);

# Doubles through every way of the C library: printing, reading, functions.
my @reals = map { my $r = (draw() - 2**30) / 2**20; $r * 10**(draw() % 40 - 20) } 1 .. 2000;
result printed => Digest::MD5::md5_hex(join ",", map { sprintf "%.17g %.3f %e %a", $_, $_, $_, $_ } @reals);
result read => scalar grep { (sprintf "%.17g", $_) + 0 != $_ } @reals;
my @angles = map { $_ / 7 } -500 .. 500;
for my $f (["sin", sub { sin $_[0] }], ["cos", sub { cos $_[0] }], ["exp", sub { exp $_[0] / 10 }],
  ["log", sub { log abs($_[0]) + 1 }], ["sqrt", sub { sqrt abs $_[0] }], ["tanh", sub { POSIX::tanh($_[0]) }],
  ["floor", sub { POSIX::floor($_[0]) }], ["fmod", sub { POSIX::fmod($_[0], 0.37) }]) {
  result $f->[0] => Digest::MD5::md5_hex(join ",", map { unpack "H*", pack "d>", $f->[1]->($_) } @angles);
}
{
  use integer;
  result integers => Digest::MD5::md5_hex(join ",", map { ($_ / 7) . ($_ % 7) . ($_ << 3) . (-$_ >> 2) } @numbers[0 .. 999]);
}
result packed => Digest::MD5::md5_hex(join "", map { pack "w N v q> f d", $_, $_, $_ & 0xffff, -$_, $_ / 3, $_ / 7 } @numbers);
result utf8 => Digest::MD5::md5_hex(encode("UTF-8", join "", map { chr(0x100 + $_ % 0xd000) } @numbers));
result vec => unpack "%32b*", $text;
